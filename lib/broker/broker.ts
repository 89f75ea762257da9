/**
 * Where a message is in its topic. For example, `{ epoch: "k3Jx", offset: 7 }` is the seventh
 * message of the life "k3Jx" of a topic. After a restart of the server the topic is in a new life,
 * say "p0Qa", and counts from 1 again: message 7 of "p0Qa" is another message.
 */
export interface Position {
  /**
   * A life of the topic. A new epoch begins whenever offsets could go backwards: the data was lost,
   * or an older copy was restored.
   */
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
   * Whether `publications` are all messages after the requested position; null when the caller gave
   * no position. Example: the topic is at offset 9 and retains 6 to 9. A client that returns with
   * offset 7 gets 8 and 9, and `recovered` is true. A client that returns with offset 3 gets 6 to
   * 9, and `recovered` is false: messages 4 and 5 are gone.
   */
  readonly recovered: boolean | null;
}

/** How long a topic keeps its messages. */
export interface Retention {
  /** How many messages at most. */
  readonly count: number;
  /** The greatest age of a message, in milliseconds. */
  readonly ageMs: number;
}

/** Options of {@link Broker.publish}. */
export interface PublishOptions {
  /** How long the topic keeps messages. */
  readonly retention: Retention;
  /**
   * Publishes the message once: while the topic retains a message with this key, the broker does
   * not publish another with the same key.
   */
  readonly key?: string;
}

/** The result of a publication. */
export interface Published {
  /**
   * `published`; `repeated` when the key already carried the same data; `conflict` when the key
   * already carried other data.
   */
  readonly outcome: "published" | "repeated" | "conflict";
  /** The position of the message, or of the earlier message with its key. */
  readonly position: Position;
}

/** The broker calls these methods of a topic's subscriber. None of them may throw. */
export interface Subscriber {
  /** Receives a message, in order and once. */
  message(publication: Publication): void;
  /** Receives a message that is not retained, see {@link Broker.signal}. */
  signal(data: string): void;
  /**
   * The topic has begun a new epoch: positions of earlier epochs are no longer valid. The broker
   * also calls this, with the same epoch, when it cannot read missing messages any more. It calls
   * this before the first message of the new epoch, and before any call in this process
   * resolves with a position of that epoch.
   */
  epoch(position: Position): void;
}

/**
 * A broker throws this when it has no room for one more topic. If a handler does not catch it, the
 * server closes the connection with 1011 and fires the app's `error` event.
 */
export class BrokerFull extends Error {
  override readonly name = "BrokerFull";
}

/**
 * Carries the messages of topics between the processes of a service, and keeps the latest.
 *
 * ```ts
 * const broker: Broker = new MemoryBroker();
 * const retention = { count: 100, ageMs: 60_000 };
 * const { position } = await broker.publish("lobby", "first", { retention });
 * await broker.publish("lobby", "second", { retention });
 * const { publications, recovered } = await broker.read("lobby", position);
 * // publications: [{ offset: 2, data: "second", at: … }], recovered: true
 * await broker.close();
 * ```
 *
 * The contract, which `test/lib/broker/contract.ts` checks for every engine:
 * - Offsets of a topic count 1, 2, 3 … within an epoch; a message is delivered before the promise
 *   of its publication resolves in the publishing process.
 * - A subscriber gets each message published after its subscription once and in order, even when
 *   subscribers publish while they receive. It gets nothing after `unsubscribe` was called.
 * - The broker knows a key for as long as it retains the key's message.
 * - `read` with the position of an earlier message returns exactly the messages after it. If the
 *   position is malformed, of another epoch, in the future, or older than the retained messages,
 *   `read` returns all retained messages and `recovered: false`.
 * - The broker forgets a topic that has had no subscriber and no message for a while.
 */
export interface Broker {
  /** Appends a message to a topic and delivers it. */
  publish(topic: string, data: string, options: PublishOptions): Promise<Published>;
  /** Delivers a message without a position; the topic does not retain it. */
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
   * @param since the last position the client knows; undefined for a first visit
   */
  read(topic: string, since?: unknown): Promise<History>;
  /**
   * The topics that exist: those with subscribers or retained messages. A topic stays for a while
   * after it has lost both, so that a returning client finds the same epoch.
   */
  topics(): Promise<string[]>;
  /** Ends all subscriptions and releases what the engine holds. */
  close(): Promise<void>;
}

/**
 * Reads a position that a client sent.
 *
 * @returns undefined for a malformed position, which counts as one of an unknown epoch
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
