import type { Socket } from "node:net";
import { Refusal } from "../http/refusal.ts";
import { ticker, type Watched } from "../loop/ticker.ts";

/** Ticks in a handshake's time: its end is late by a quarter at most. */
const TICKS_IN_TIMEOUT = 4;

/** What a deadline needs of the handshake that it is for. */
export interface Expiring {
  readonly socket: Socket;
  readonly state: string;
  /** Whether other code has written to the socket. */
  readonly isWrittenTo: boolean;
  leaveIfTaken(): boolean;
  refuse(error: Refusal): void;
}

/** The deadline of a handshake, from its arrival to its answer: then the server answers 503. */
export class Deadline implements Watched {
  readonly #handshake: Expiring;
  readonly #timeoutMs: number;
  readonly #endsAt: number;

  /**
   * @param since the ticker's time at the arrival of the handshake, in milliseconds
   * @param timeoutMs how long the handshake may take
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

  /** The handshake has its answer. */
  stop(): void {
    ticker.delete(this);
  }

  #end(): void {
    const handshake = this.#handshake;
    if (handshake.leaveIfTaken()) return;
    // Behind what other code has written, and whose answer it does not read, no response may come.
    if (handshake.isWrittenTo) {
      handshake.socket.destroy();
      return;
    }
    handshake.refuse(
      new Refusal(503, `expected the handshake to be answered within ${this.#timeoutMs} ms`),
    );
    // A response that middleware began and never ends must not hold the socket either.
    if (handshake.state === "pending") handshake.socket.destroy();
  }
}
