import type { Socket } from "node:net";
import { Refusal } from "../http/refusal.ts";
import { ticker, type Watched } from "../loop/ticker.ts";

/** Ticks in a handshake's timeout: the deadline is late by a quarter of the timeout at most. */
const TICKS_IN_TIMEOUT = 4;

/** The part of a handshake that its deadline uses. */
export interface Expiring {
  readonly socket: Socket;
  /** See `Handshake.state`. */
  readonly state: string;
  /** Whether other code has written to the socket. */
  readonly isWrittenTo: boolean;
  /** See `Handshake.leaveIfTaken`. */
  leaveIfTaken(): boolean;
  /** See `Handshake.refuse`. */
  refuse(error: Refusal): void;
}

/** The deadline of a handshake. When it passes without an answer, the server answers 503. */
export class Deadline implements Watched {
  readonly #handshake: Expiring;
  readonly #timeoutMs: number;
  readonly #endsAt: number;

  /**
   * @param since the ticker's time at the handshake's arrival, in milliseconds
   * @param timeoutMs how long the handshake may take, in milliseconds
   */
  constructor(handshake: Expiring, since: number, timeoutMs: number) {
    this.#handshake = handshake;
    this.#timeoutMs = timeoutMs;
    this.#endsAt = since + timeoutMs;
    ticker.add(this);
  }

  /** See {@link Watched}. */
  get periodMs(): number {
    return this.#timeoutMs / TICKS_IN_TIMEOUT;
  }

  /** See {@link Watched}. */
  tick(now: number): void {
    if (now >= this.#endsAt) this.#end();
  }

  /** Ends the watch: the handshake has its answer. */
  stop(): void {
    ticker.delete(this);
  }

  #end(): void {
    const handshake = this.#handshake;
    if (handshake.leaveIfTaken()) return;
    // Other code has written to the socket but does not read it. A response would follow its bytes.
    if (handshake.isWrittenTo) {
      handshake.socket.destroy();
      return;
    }
    handshake.refuse(
      new Refusal(503, `expected the handshake to be answered within ${this.#timeoutMs} ms`),
    );
    // Middleware may have begun a response that it never ends.
    if (handshake.state === "pending") handshake.socket.destroy();
  }
}
