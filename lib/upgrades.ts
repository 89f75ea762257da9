import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Closed, Connection } from "./connection.ts";
import type { Handshake } from "./handshake.ts";

/** The events of {@link Upgrades}. */
export interface UpgradeEvents {
  /** A handshake was accepted. */
  accepted: [handshake: Handshake];
  /** A handshake was answered with an HTTP status. */
  refused: [handshake: Handshake, status: number];
  /** The client of a handshake left before the answer. */
  abandoned: [handshake: Handshake];
  /** A connection has ended. */
  closed: [handshake: Handshake, closed: Closed];
}

/** One accepted handshake whose connection or handler has not ended yet. */
export interface Live {
  readonly handshake: Handshake;
  readonly connection: Connection<unknown>;
  /** Resolves when both the connection and its handler have ended. */
  readonly done: Promise<unknown>;
}

/** How {@link Upgrades.drain} goes about it. */
export interface DrainOptions {
  /** How long handlers may take in all, in milliseconds. */
  graceMs: number;
  /** Over how long the closes are spread, in milliseconds. Default a quarter of `graceMs`. */
  spreadMs?: number;
}

/**
 * How many are closed at once, so that their coming back elsewhere is no storm, and how often:
 * fewer than these are closed in one go.
 */
const BATCH = 100;
const BATCH_EVERY_MS = 50;

const owners = new WeakMap<Handshake, Upgrades>();

/** The upgrades that a handshake belongs to. */
export function upgradesOf(handshake: Handshake): Upgrades | undefined {
  return owners.get(handshake);
}

/** The upgrades of one server: what is connected through it, and the way to end it. */
export class Upgrades extends EventEmitter<UpgradeEvents> {
  /** What is connected now, and handlers that outlive their connection. */
  readonly live = new Set<Live>();
  #draining = false;

  /** Whether new handshakes are refused with 503. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Takes a handshake on, to tell of its outcome. */
  own(handshake: Handshake): void {
    owners.set(handshake, this);
  }

  /** Tells of a handshake that is no longer pending. */
  settled(handshake: Handshake): void {
    if (handshake.state === "refused") this.emit("refused", handshake, handshake.res.statusCode);
    else this.emit(handshake.state as "accepted" | "abandoned", handshake);
  }

  /**
   * Follows an accepted handshake until its connection and its handler have ended.
   *
   * @param handshake an accepted handshake
   * @param handler the running handler; it must not reject
   */
  follow(handshake: Handshake, handler: Promise<void>): void {
    const { connection } = handshake;
    if (!connection) return;
    const ended = connection.closed.then((closed) => this.emit("closed", handshake, closed));
    const live: Live = { handshake, connection, done: Promise.all([ended, handler]) };
    this.live.add(live);
    void live.done.then(() => this.live.delete(live));
  }

  /**
   * Refuses new handshakes with 503, closes every connection with 1012 in batches, and waits for
   * the handlers.
   *
   * @returns what had not ended by then; its sockets are destroyed
   */
  async drain(options: DrainOptions): Promise<Live[]> {
    this.#draining = true;
    const all = [...this.live];
    const late = AbortSignal.timeout(options.graceMs);
    const closing = this.#closeInBatches(all, options.spreadMs ?? options.graceMs / 4, late);
    const ended = Promise.all([closing, ...all.map((live) => live.done)]);
    await Promise.race([ended, aborted(late)]);
    for (const { connection } of this.live) connection.terminate();
    return [...this.live];
  }

  async #closeInBatches(all: readonly Live[], spreadMs: number, late: AbortSignal): Promise<void> {
    const steps = Math.max(Math.floor(spreadMs / BATCH_EVERY_MS), 1);
    const size = Math.max(Math.ceil(all.length / steps), BATCH);
    for (let at = 0; at < all.length; at += size) {
      if (at > 0) await pause(BATCH_EVERY_MS);
      if (late.aborted) return;
      for (const { connection } of all.slice(at, at + size))
        connection.close(1012, "service restart");
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
