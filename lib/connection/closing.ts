import { ticker } from "../loop/ticker.ts";
import { DEBTS, type Indebted } from "./debts.ts";
import type { Inbox } from "./inbox.ts";
import type { Late, Liveness } from "./liveness.ts";
import type { Wire } from "./websocket.ts";
import type { Writer } from "./writer.ts";

/** How long a close waits, at most, until the handler has answered earlier messages. */
export const ANSWER_MS = 5_000;
/**
 * How long a client may take to answer a close frame, or to read a part of what was sent before it.
 * After that the server destroys the socket.
 */
export const CLOSE_TIMEOUT_MS = 5_000;
/** How often a client that still reads may take that long: half a minute in all. */
const MOST_ROUNDS = 6;
/** The close code when a handler returns. */
const NORMAL = 1000;

/** A close that waits until the handler has answered earlier messages. */
interface Held {
  readonly code: number | undefined;
  readonly reason: string | Buffer | undefined;
  /**
   * Whether the client has ended its half of the socket. The server then ends its own half without
   * a close frame.
   */
  readonly isHalf: boolean;
}

/**
 * The end of a connection. It begins when the server takes no more messages from the client, and is
 * created then.
 *
 * The client may send whole messages before its close frame, before it ends its half of the socket,
 * or before a message that the server refuses. The handler answers those first: the close waits
 * until the handler is idle, and at most {@link ANSWER_MS}. A handler is idle when it has returned,
 * or when it has read the last message and then asks for the next one or for `closed`. Sends that
 * the handler began by then go out before the close frame. The close does not wait for work that
 * the handler does outside its loop.
 */
export class Closing implements Late {
  readonly #ws: Wire;
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  readonly #writer: Writer;
  readonly #connection: Indebted;
  #held: Held | undefined;
  // A timer of its own: the ticker is so coarse that five seconds could become four.
  #timer: NodeJS.Timeout | undefined;
  /** Whether the server has sent its close frame, or has ended its half of the socket. */
  #isLeaving = false;
  #refusedWith = 0;
  #behind = 0;
  #rounds = 0;

  constructor(
    ws: Wire,
    inbox: Inbox<unknown>,
    liveness: Liveness,
    writer: Writer,
    connection: Indebted,
  ) {
    this.#ws = ws;
    this.#inbox = inbox;
    this.#liveness = liveness;
    this.#writer = writer;
    this.#connection = connection;
  }

  /**
   * The code with which ws refuses the client's data, or 0. ws itself reports 1006 in that case.
   */
  get refusedWith(): number {
    return this.#refusedWith;
  }

  /** Closes now. Drops unread messages; answers that the handler sends later are dropped too. */
  now(code: number, reason: string): void {
    if (this.#isLeaving) return;
    // The handler has returned: close with the code that was held, not with 1000.
    if (this.#held && code === NORMAL) return this.release();
    const isHalf = this.#held?.isHalf;
    this.#held = undefined;
    this.#leave();
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.closeNow(code, reason);
    if (isHalf) this.#ws.endNow();
    this.#inbox.end(true);
    this.#left();
  }

  /** Closes once the handler is idle. Until then the server does not read from the client. */
  whenIdle(code: number, reason: string): void {
    if (this.#isLeaving || this.#held) return;
    if (!this.#hold({ code, reason, isHalf: false })) return this.now(code, reason);
    this.#ws.pause();
  }

  /**
   * ws calls this before it closes: to answer the client's close frame, or to refuse its data.
   *
   * @param isHalf whether the client has ended its half of the socket, which ws answers by ending
   *   the server's
   * @returns true when ws must not close now; this object closes later
   */
  waits(code: number | undefined, reason: string | Buffer | undefined, isHalf: boolean): boolean {
    if (this.#isLeaving) return false;
    if (!this.#held) this.#refusedWith = code ?? 0;
    if (this.#held || this.#hold({ code, reason, isHalf })) return true;
    this.#leave();
    this.#awaitClient();
    return false;
  }

  /** Does the close that waits: the handler is idle, or its time is over. */
  release(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    this.#leave();
    held.isHalf ? this.#ws.endNow() : this.#ws.closeNow(held.code, held.reason);
    this.#left();
  }

  /** See {@link Late}: the client takes too long. */
  late(): void {
    const isRead = this.#writer.bufferedBytes < this.#behind;
    if (!isRead || ++this.#rounds >= MOST_ROUNDS) return this.#ws.terminate();
    this.#awaitClient();
  }

  /** The connection has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#held = undefined;
    this.#isLeaving = true;
  }

  #hold(held: Held): boolean {
    this.#inbox.end();
    if (this.#inbox.isIdle) return false;
    this.#held = held;
    this.#inbox.onIdle = () => this.release();
    // Meanwhile the client is not read, so no deadline runs for it, not even for a pong.
    this.#liveness.endIn(Number.POSITIVE_INFINITY, this);
    this.#timer = setTimeout(() => this.release(), ANSWER_MS).unref();
    return true;
  }

  // Earlier publications are sent before the close frame.
  #leave(): void {
    clearTimeout(this.#timer);
    this.#isLeaving = true;
    this.#connection[DEBTS]?.settle();
    this.#writer.writeOut();
  }

  #left(): void {
    this.#awaitClient();
    // A paused socket would never read the client's close frame, and would end as 1006.
    this.#ws.resume();
    this.#writer.end();
  }

  #awaitClient(): void {
    this.#behind = this.#writer.bufferedBytes;
    // The ticker's time is that of its last tick: one period more, and the deadline is never too
    // short.
    this.#liveness.endIn(CLOSE_TIMEOUT_MS + ticker.periodMs, this);
  }
}
