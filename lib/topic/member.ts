import { channel } from "node:diagnostics_channel";
import type { History, Publication } from "../broker/broker.ts";
import type { Connection } from "../connection/connection.ts";
import { DELIVER, DELIVER_HELD, type Entry, Subscription } from "../connection/debts.ts";
import { assertOutgoing, Frame } from "../connection/frame.ts";

/**
 * What happens to a member that cannot keep up. `disconnect`: the server closes it with 1013 at the
 * bound of its connection. `drop-oldest`: the oldest of its waiting messages are dropped. `latest`:
 * only the latest waiting message is kept.
 */
export type SlowPolicy = "disconnect" | "drop-oldest" | "latest";

/** Turns published data into the text for a member; undefined to send nothing. */
export type Encode = (data: string, publication: Publication | undefined) => string | undefined;

const FAILED = Symbol("failed");

/**
 * One message in the form of each `encode` function: encoded and framed once for all members that
 * share the function.
 */
export type Frames = Map<Encode, Frame | typeof FAILED | undefined>;

/** How a connection joins a topic. */
export interface JoinOptions {
  /** Makes the text that the member is sent. Default: the data as it was published. */
  encode?: Encode;
  /**
   * Makes the first text that the member is sent. The topic calls it again when its epoch changes.
   * With `welcome` the member gets the retained messages after `since`; without it only new
   * messages.
   *
   * @param history `position` is the one before the first message that follows: when the member is
   *   sent 8 and 9, `position.offset` is 7
   */
  welcome?: (history: History) => string | undefined;
  /** The last position that the client knows, unchecked, as the client sent it. */
  since?: unknown;
}

/** A member has lost messages; the channel `koa-subapps:slow` of `node:diagnostics_channel`. */
export interface SlowEvent {
  readonly topic: string;
  readonly connection: Connection<unknown>;
  readonly policy: SlowPolicy;
  /** How many messages this member has lost so far. */
  readonly dropped: number;
}

/** The channel of {@link SlowEvent}. */
export const slowChannel = channel("koa-subapps:slow");

const AS_PUBLISHED: Encode = (data) => data;
/** Waiting messages of a slow member under `drop-oldest`, as many as a connection's queue. */
const WAITING_MESSAGES = 64;

/**
 * How far a member is: `new` until its welcome; `welcomed`, and so sent signals, while it catches up;
 * `live` from when it gets messages as they come.
 */
export type Stage = "new" | "welcomed" | "live";

/** One connection in one topic: its position, and its waiting messages. */
export class Member extends Subscription {
  readonly connection: Connection<unknown>;
  readonly encode: Encode;
  /** See {@link JoinOptions.welcome}. */
  readonly welcome: JoinOptions["welcome"];

  #stage: Stage = "new";
  #offset = 0;
  readonly #topic: string;
  readonly #policy: SlowPolicy;
  #waiting: Frame[] = [];
  #pumping = false;
  #dropped = 0;

  /**
   * @param had the last message before the member joined
   */
  constructor(
    topic: string,
    connection: Connection<unknown>,
    options: JoinOptions,
    policy: SlowPolicy,
    had: Entry,
  ) {
    super(connection, had);
    this.#topic = topic;
    this.connection = connection;
    this.encode = options.encode ?? AS_PUBLISHED;
    this.welcome = options.welcome;
    this.#policy = policy;
  }

  /** How many messages the member has lost to its policy. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How far the member is. */
  get stage(): Stage {
    return this.#stage;
  }

  /** The offset of the last message that the member was sent. */
  get offset(): number {
    return this.#offset;
  }

  /** From now on the member gets messages as they come. Earlier debts must be paid before. */
  goLive(): void {
    this.#stage = "live";
  }

  /**
   * Prepares the member to catch up again. Its waiting messages are in the history, or lost with
   * it.
   */
  restart(): void {
    this.#stage = "new";
    this.#waiting = [];
  }

  /**
   * Welcomes the member at the position before the first message of the history.
   *
   * @param charge called with the length of the welcome in UTF-16 units
   */
  async greet(history: History, charge: (length: number) => void): Promise<void> {
    const { position, publications } = history;
    this.#offset = publications[0] ? publications[0].offset - 1 : position.offset;
    const text = this.welcome?.({ ...history, position: { ...position, offset: this.#offset } });
    // Signals from before the welcome are not for this member.
    this.debts.pay();
    this.#stage = "welcomed";
    if (text === undefined) return;
    charge(text.length);
    await this.connection.send(text);
  }

  /**
   * Sends the member a message of the history, unless the member had it. Waits for a slow client.
   */
  async replay(
    publication: Publication,
    frameOf: (publication: Publication) => Frame | undefined,
  ): Promise<void> {
    if (publication.offset <= this.#offset) return;
    this.#offset = publication.offset;
    const frame = frameOf(publication);
    if (frame) await this.connection.sendFrame(frame);
  }

  /** Sends the member a message as it comes, if it is live and has not had it from the history. */
  hear(frames: Frames, publication: Publication): void {
    // Without a welcome the member has had no history, and the offset may be of an earlier epoch.
    const had = this.welcome !== undefined && publication.offset <= this.#offset;
    if (this.#stage !== "live" || had) return;
    this.#offset = publication.offset;
    this.send(frames, publication.data, publication);
  }

  /**
   * Sends the member a message to many. If `encode` throws, the members with that function are
   * closed with 1011, because they would have a gap; the error is reported once. Other members get
   * the message.
   */
  send(frames: Frames, data: string, publication?: Publication): void {
    const { encode } = this;
    let frame = frames.get(encode);
    if (frame === undefined && !frames.has(encode)) {
      // A closed member stays in the topic until its client has answered the close.
      if (!this.connection.open) return;
      frame = this.#encoded(data, publication);
      frames.set(encode, frame);
    }
    if (frame === FAILED) this.connection.close(1011, "internal error");
    else if (frame) this.deliver(frame);
  }

  #encoded(data: string, publication: Publication | undefined): Frame | typeof FAILED | undefined {
    try {
      const text = this.encode(data, publication);
      if (text === undefined) return undefined;
      assertOutgoing(text);
      return new Frame(text);
    } catch (error) {
      this.connection.fail(error);
      return FAILED;
    }
  }

  /** Sends a message now, or queues or drops it as the policy says. Never waits. */
  deliver(frame: Frame): void {
    if (this.#policy === "disconnect" || (!this.#pumping && this.connection.ready)) {
      void this.connection[DELIVER](frame);
      return;
    }
    this.#waiting.push(frame);
    if (this.#waiting.length > (this.#policy === "latest" ? 1 : WAITING_MESSAGES)) this.#drop();
    if (!this.#pumping) void this.#pump();
  }

  #drop(): void {
    this.#waiting.shift();
    this.#dropped++;
    const event: SlowEvent = {
      topic: this.#topic,
      connection: this.connection,
      policy: this.#policy,
      dropped: this.#dropped,
    };
    slowChannel.publish(event);
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    await this.connection.drained();
    for (let frame = this.#waiting.shift(); frame; frame = this.#waiting.shift()) {
      if (!(await this.connection[DELIVER](frame))) break;
    }
    this.#pumping = false;
  }

  /** Writes the messages that still wait under its policy. */
  override writeOut(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.connection[DELIVER_HELD](waiting);
  }
}
