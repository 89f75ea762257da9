import { channel } from "node:diagnostics_channel";
import type { History, Publication } from "../broker/broker.ts";
import type { Connection } from "../connection/connection.ts";
import { DELIVER, DELIVER_HELD, type Entry, Subscription } from "../connection/debts.ts";
import { assertOutgoing, Frame } from "../connection/frame.ts";

/**
 * What happens to a member that cannot keep up: it is closed 1013 at the bound of its
 * connection; or the oldest of its waiting messages are dropped; or only the latest is kept.
 */
export type SlowPolicy = "disconnect" | "drop-oldest" | "latest";

/** Turns what was published into what one kind of member is sent; undefined for nothing. */
export type Encode = (data: string, publication: Publication | undefined) => string | undefined;

const FAILED = Symbol("failed");

/** One message as each kind of member is sent it: encoded and framed once for all of them. */
export type Frames = Map<Encode, Frame | typeof FAILED | undefined>;

/** How a connection joins a topic. */
export interface JoinOptions {
  /** What it is sent of each message; the data as it was published by default. */
  encode?: Encode;
  /**
   * Greets the member, and again when the topic's epoch changes. With it the member gets what the
   * topic retains, from `since` on; without it only what comes from now on.
   *
   * @param history `position` is the one before the first message that follows
   */
  welcome?: (history: History) => string | undefined;
  /** The last position the client knows, as it sent it. */
  since?: unknown;
}

/** What `koa-subapps:slow` of `node:diagnostics_channel` tells of a member that lost messages. */
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
/** Waiting messages of a slow member under `drop-oldest`: a queue as long as a connection's own. */
const WAITING_MESSAGES = 64;

/** One connection in one topic: where it is in the topic, and what waits for it. */
export class Member extends Subscription {
  readonly connection: Connection<unknown>;
  readonly encode: Encode;
  /** See {@link JoinOptions.welcome}. */
  readonly welcome: JoinOptions["welcome"];
  /** Whether it gets messages as they come; not while it is still catching up. */
  live = false;
  /** Whether it has been welcomed, so that signals may come. */
  welcomed = false;
  /** The offset of the last message it was sent. */
  offset = 0;

  readonly #topic: string;
  readonly #policy: SlowPolicy;
  #waiting: Frame[] = [];
  #pumping = false;
  #dropped = 0;

  /**
   * @param had the last of the topic's messages that is not for it
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

  /** How many messages it has lost to its policy. */
  get dropped(): number {
    return this.#dropped;
  }

  /** It gets messages as they come from now on: what came before must have been paid. */
  goLive(): void {
    this.welcomed = true;
    this.live = true;
  }

  /** Has it catch up again; what waits is in the history or lost with it. */
  restart(): void {
    this.live = false;
    this.welcomed = false;
    this.#waiting = [];
  }

  /**
   * Welcomes it, at the position that what it is sent of the history begins behind.
   *
   * @param charge told how long the welcome is, in UTF-16 units
   */
  async greet(history: History, charge: (length: number) => void): Promise<void> {
    const { position, publications } = history;
    this.offset = publications[0] ? publications[0].offset - 1 : position.offset;
    const text = this.welcome?.({ ...history, position: { ...position, offset: this.offset } });
    // What has been signalled so far is not for it.
    this.debts.pay();
    this.welcomed = true;
    if (text === undefined) return;
    charge(text.length);
    await this.connection.send(text);
  }

  /** Sends it a message of the history, unless it had it; as fast as it reads. */
  async replay(
    publication: Publication,
    frameOf: (publication: Publication) => Frame | undefined,
  ): Promise<void> {
    if (publication.offset <= this.offset) return;
    this.offset = publication.offset;
    const frame = frameOf(publication);
    if (frame) await this.connection.sendFrame(frame);
  }

  /**
   * Sends it a message that many are sent. Those whose encoding fails have lost it, and are closed
   * 1011 rather than left with a gap; the error is told once. The others get theirs.
   */
  send(frames: Frames, data: string, publication?: Publication): void {
    const { encode } = this;
    let frame = frames.get(encode);
    if (frame === undefined && !frames.has(encode)) {
      // One that has been closed for it stays until its client has answered.
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

  /** Sends a message now, or deals with it as the policy says. It waits for nobody. */
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

  /** Writes what its policy still holds: it has not been dropped. */
  override writeOut(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.connection[DELIVER_HELD](waiting);
  }
}
