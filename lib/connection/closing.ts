import { wheel } from "../loop/ticker.ts";
import { DEBTS, type Indebted } from "./debts.ts";
import type { Inbox } from "./inbox.ts";
import type { Late, Liveness } from "./liveness.ts";
import type { Wire } from "./websocket.ts";
import type { Writer } from "./writer.ts";

/** How long a close waits, at most, for the answers to what came before it. */
export const ANSWER_MS = 5_000;
/**
 * How long a client may take to answer a close frame, or to go on reading what was sent before
 * it, until its socket is destroyed.
 */
export const CLOSE_TIMEOUT_MS = 5_000;
/** How often it may take that long while it reads: half a minute for what its buffer holds. */
const MOST_ROUNDS = 6;
/** What a handler that returns closes with. */
const NORMAL = 1000;

/** How a connection ends once what came before is answered. */
interface Held {
  readonly code: number | undefined;
  readonly reason: string | Buffer | undefined;
  /** Whether the client has ended its half of the socket: the server's half ends without a frame. */
  readonly isHalf: boolean;
}

/**
 * The end of a connection, from the moment in which nothing more is taken from the client. Made
 * then: a connection that goes on has none.
 *
 * Messages that came whole before a close frame, the end of the client's half, or something that
 * the server refuses are answered first: the end waits until the handler is idle, and at most
 * {@link ANSWER_MS}. Idle is a handler that has asked for the next message after the last one, or
 * for `closed` after its last message, or has returned. The sends that it began by then go out
 * before the close frame. What it does about a message beside its loop is not waited for.
 */
export class Closing implements Late {
  readonly #ws: Wire;
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  readonly #writer: Writer;
  readonly #connection: Indebted;
  #held: Held | undefined;
  // A timer of its own: the wheel is told the time so seldom that five seconds may be four.
  #timer: NodeJS.Timeout | undefined;
  /** Whether the close frame, or the end of the server's half, is on its way. */
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

  /** The code with which ws refuses what came; 0 for none. ws itself then tells 1006. */
  get refusedWith(): number {
    return this.#refusedWith;
  }

  /** Closes now. Unread messages are dropped, and the answers to others come too late. */
  now(code: number, reason: string): void {
    if (this.#isLeaving) return;
    // A handler that has returned has no more to say: why the end was held stands.
    if (this.#held && code === NORMAL) return this.release();
    const isHalf = this.#held?.isHalf;
    this.#held = undefined;
    this.#leave();
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.closeNow(code, reason);
    if (isHalf) this.#ws.endNow();
    this.#inbox.end(true);
    this.#left();
  }

  /** Closes once the handler is idle. Until then the client is not read. */
  whenIdle(code: number, reason: string): void {
    if (this.#isLeaving || this.#held) return;
    if (!this.#hold({ code, reason, isHalf: false })) return this.now(code, reason);
    this.#ws.pause();
  }

  /**
   * ws would close: in answer to the client's close frame, or because it refuses what came.
   *
   * @param isHalf whether it is the end of the client's half, which ws answers with its own
   * @returns whether that has to wait; this closes it then
   */
  waits(code: number | undefined, reason: string | Buffer | undefined, isHalf: boolean): boolean {
    if (this.#isLeaving) return false;
    if (!this.#held) this.#refusedWith = code ?? 0;
    if (this.#held || this.#hold({ code, reason, isHalf })) return true;
    this.#leave();
    this.#awaitClient();
    return false;
  }

  /** Closes what is held: the handler is idle, or its time is over. */
  release(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    this.#leave();
    held.isHalf ? this.#ws.endNow() : this.#ws.closeNow(held.code, held.reason);
    this.#left();
  }

  /** See {@link Late}: it is the client that takes too long. */
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
    // Meanwhile the client owes nothing, not even a pong.
    this.#liveness.endIn(Number.POSITIVE_INFINITY, this);
    this.#timer = setTimeout(() => this.release(), ANSWER_MS).unref();
    return true;
  }

  // What was published before goes before the close frame.
  #leave(): void {
    clearTimeout(this.#timer);
    this.#isLeaving = true;
    this.#connection[DEBTS]?.settle();
    this.#writer.writeOut();
  }

  #left(): void {
    this.#awaitClient();
    // A paused socket would never read the client's answer and end as 1006.
    this.#ws.resume();
    this.#writer.end();
  }

  #awaitClient(): void {
    this.#behind = this.#writer.bufferedBytes;
    // The wheel's time is that of its last tick: with one period more it is never too short.
    this.#liveness.endIn(CLOSE_TIMEOUT_MS + wheel.periodMs, this);
  }
}
