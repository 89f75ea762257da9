import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Closed } from "../close-codes.ts";
import type { Handshake, HandshakeListener } from "./handshake.ts";
import type { Session } from "./session.ts";

/** The events of {@link Upgrades}. */
export interface UpgradeEvents {
  /** The server has accepted a handshake. */
  accepted: [session: Session];
  /** The server has answered a handshake with an HTTP status. */
  refused: [handshake: Handshake, status: number];
  /** The client of a handshake left before the answer. */
  abandoned: [handshake: Handshake];
  /** The server cuts a client off with 1013: the client is so many bytes behind. */
  cutOff: [session: Session, bytes: number];
  /** A handler has returned while something still read its connection. */
  abandonedReader: [session: Session];
  /** A connection has ended. */
  closed: [session: Session, closed: Closed];
}

/** The times of {@link Upgrades.drain}. */
export interface DrainOptions {
  /** How long handlers may take in all, in milliseconds. */
  graceMs: number;
  /** The time over which the closes are spread, in milliseconds. Default a quarter of `graceMs`. */
  spreadMs?: number;
}

/** The part of the grace period in which closes may wait for handlers' answers. */
const ANSWERS_SHARE = 0.75;

/**
 * Least connections in one batch of closes, and the time between batches. Batches keep the clients
 * from all reconnecting elsewhere at the same moment.
 */
const BATCH = 100;
const BATCH_EVERY_MS = 50;

/** The handshakes and sessions of one server, and the way to end them. */
export class Upgrades extends EventEmitter<UpgradeEvents> implements HandshakeListener {
  /** The sessions whose connection or handler has not ended yet. */
  readonly live = new Set<Session>();
  #draining = false;

  /** Whether new handshakes are refused with 503. */
  get draining(): boolean {
    return this.#draining;
  }

  /** See {@link HandshakeListener}. */
  refused(handshake: Handshake, status: number): void {
    this.emit("refused", handshake, status);
  }

  /** See {@link HandshakeListener}. */
  abandoned(handshake: Handshake): void {
    this.emit("abandoned", handshake);
  }

  /** See {@link SessionListener}. */
  accepted(session: Session): void {
    this.live.add(session);
    this.emit("accepted", session);
  }

  /** See {@link SessionListener}. */
  cutOff(session: Session, bytes: number): void {
    this.emit("cutOff", session, bytes);
  }

  /** See {@link SessionListener}. */
  readerLeft(session: Session): void {
    this.emit("abandonedReader", session);
  }

  /** See {@link SessionListener}. */
  closed(session: Session, closed: Closed): void {
    this.emit("closed", session, closed);
  }

  /** See {@link SessionListener}. */
  done(session: Session): void {
    this.live.delete(session);
  }

  /**
   * Refuses new handshakes with 503, closes every connection with 1012 in batches, and waits for
   * the handlers until the grace period ends.
   *
   * @returns the sessions that had not ended by then; their sockets are destroyed
   */
  async drain(options: DrainOptions): Promise<Session[]> {
    this.#draining = true;
    const all = [...this.live];
    const late = AbortSignal.timeout(wholeMs(options.graceMs));
    const closing = this.#closeInBatches(all, options.spreadMs ?? options.graceMs / 4, late);
    const ended = Promise.all([closing, ...all.map((session) => session.done)]);
    const hurry = setTimeout(this.#hurry, options.graceMs * ANSWERS_SHARE);
    await Promise.race([ended, aborted(late)]);
    clearTimeout(hurry);
    for (const { connection } of this.live) connection.terminate();
    return [...this.live];
  }

  readonly #hurry = (): void => {
    for (const { connection } of this.live) connection.hurry();
  };

  async #closeInBatches(
    all: readonly Session[],
    spreadMs: number,
    late: AbortSignal,
  ): Promise<void> {
    const steps = Math.max(Math.floor(spreadMs / BATCH_EVERY_MS), 1);
    const size = Math.max(Math.ceil(all.length / steps), BATCH);
    for (let at = 0; at < all.length; at += size) {
      if (at > 0) await pause(BATCH_EVERY_MS);
      if (late.aborted) return;
      for (const { connection } of all.slice(at, at + size))
        connection.finish(1012, "service restart");
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The longest delay of a Node.js timer in milliseconds; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Makes a delay that Node's timers take: `AbortSignal.timeout` throws for a fraction. */
export function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), MAX_TIMER_MS);
}
