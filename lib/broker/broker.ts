/** Where a message is in its topic: which life of the topic, and which message of that life. */
export interface Position {
  /** A life of the topic. It ends whenever offsets could go backwards: data lost or restored. */
  readonly epoch: string;
  /** 0 before the first message of the epoch, then 1, 2, 3 … without a gap. */
  readonly offset: number;
}

/** A message in a topic. */
export interface Publication {
  /** See {@link Position.offset}. */
  readonly offset: number;
  /** The message as it was published. */
  readonly data: string;
  /** When it was published, in milliseconds since 1970. */
  readonly at: number;
}

/** What {@link Broker.read} found. */
export interface History {
  /** The topic's position now, after the last of `publications`. */
  readonly position: Position;
  /** The messages after the position that was asked for, or all that are retained; in order. */
  readonly publications: readonly Publication[];
  /**
   * Whether `publications` are all messages since the position that was asked for: false when
   * that cannot be promised, null when none was asked for.
   */
  readonly recovered: boolean | null;
}

/** How long a topic keeps its messages. */
export interface Retention {
  /** How many messages at most. */
  readonly count: number;
  /** How old a message may become, in milliseconds. */
  readonly ageMs: number;
}

/** What {@link Broker.publish} needs to know of a message. */
export interface PublishOptions {
  /** How long the topic keeps messages. */
  readonly retention: Retention;
  /**
   * Makes the publication happen once: while a message with this key is retained, another one is
   * not published.
   */
  readonly key?: string;
}

/** What became of a publication. */
export interface Published {
  /** `published`; `repeated` for a key that had carried the same data; `conflict` for other data. */
  readonly outcome: "published" | "repeated" | "conflict";
  /** The position of the message, or of the one that had its key. */
  readonly position: Position;
}

/** What a subscriber of a topic is told. None of these may throw. */
export interface Subscriber {
  /** A message, in order and once. */
  message(publication: Publication): void;
  /** A passing message, see {@link Broker.signal}. */
  signal(data: string): void;
  /**
   * The topic begins again: positions of the epoch before are worth nothing. It comes before the
   * first message of the new epoch, and before any call of this process resolves with a position
   * of it.
   */
  epoch(position: Position): void;
}

/**
 * Thrown by a broker that has no room for one more topic. What a handler does not catch closes its
 * connection with 1011, and the app's `error` event has it.
 */
export class BrokerFull extends Error {
  override readonly name = "BrokerFull";
}

/**
 * Carries the messages of topics between the processes of a service, and keeps the last ones.
 *
 * The contract, which `test/lib/broker/contract.ts` checks for every engine:
 * - Offsets of a topic count 1, 2, 3 … within an epoch; a message is delivered before the promise
 *   of its publication resolves in the publishing process.
 * - A subscriber gets each message published after its subscription once and in order, also when
 *   subscribers publish in their turn; and nothing once `unsubscribe` has been called.
 * - A key is known for as long as its message is retained.
 * - `read` with the position of an earlier message gives exactly the messages since, or says
 *   `recovered: false` and gives what is retained: for a position of another epoch, in the future,
 *   malformed, or older than what is retained.
 * - A topic that has had no subscriber and no message for a while leaves nothing behind.
 */
export interface Broker {
  /** Appends a message to a topic and delivers it. */
  publish(topic: string, data: string, options: PublishOptions): Promise<Published>;
  /** Delivers a message that has no position and is not retained. */
  signal(topic: string, data: string): Promise<void>;
  /**
   * Subscribes to a topic.
   *
   * @returns the topic's position: the subscriber gets every message after it
   */
  subscribe(topic: string, subscriber: Subscriber): Promise<Position>;
  /** Ends a subscription. */
  unsubscribe(topic: string, subscriber: Subscriber): Promise<void>;
  /**
   * Reads what a topic retains.
   *
   * @param since the last position the reader knows; undefined for a first visit
   */
  read(topic: string, since?: unknown): Promise<History>;
  /**
   * The topics that exist: with subscribers, with messages that are retained, or for a while
   * after that, so that who comes back finds the same epoch.
   */
  topics(): Promise<string[]>;
  /** Ends all subscriptions and releases what the engine holds. */
  close(): Promise<void>;
}

/**
 * Reads a position that a client sent.
 *
 * @returns undefined for anything that is none: it is as good as an unknown epoch
 */
export function positionOf(value: unknown): Position | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { epoch, offset } = value as Partial<Position>;
  const sound =
    typeof epoch === "string" &&
    epoch !== "" &&
    Number.isSafeInteger(offset) &&
    Number(offset) >= 0;
  return sound ? { epoch, offset: Number(offset) } : undefined;
}
