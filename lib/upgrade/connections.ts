import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Closed } from "../close-codes.ts";
import type { Connection } from "../connection/connection.ts";
import type { Handshake, HandshakeListener } from "./handshake.ts";

/** The events of {@link Upgrades}. */
export interface UpgradeEvents {
  /** A handshake was accepted. */
  accepted: [handshake: Handshake];
  /** A handshake was answered with an HTTP status. */
  refused: [handshake: Handshake, status: number];
  /** The client of a handshake left before the answer. */
  abandoned: [handshake: Handshake];
  /** A client is cut off with 1013: so many bytes behind. */
  cutOff: [handshake: Handshake, bytes: number];
  /** A handler has returned while something still read its connection. */
  abandonedReader: [handshake: Handshake];
  /** A connection has ended. */
  closed: [handshake: Handshake, closed: Closed];
}

/** One accepted handshake whose connection or handler has not ended yet. */
export class Live {
  readonly handshake: Handshake;
  readonly connection: Connection<unknown>;
  readonly #onDone: (live: Live) => void;
  #connectionEnded = false;
  #handlerEnded = false;
  #waiting: (() => void)[] | undefined;

  constructor(handshake: Handshake, connection: Connection<unknown>, onDone: (live: Live) => void) {
    this.handshake = handshake;
    this.connection = connection;
    this.#onDone = onDone;
  }

  /** Resolves when both the connection and its handler have ended. */
  get done(): Promise<void> {
    if (this.#connectionEnded && this.#handlerEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  /** The connection has ended. */
  endConnection(): void {
    this.#connectionEnded = true;
    if (this.#handlerEnded) this.#end();
  }

  /** The handler has ended. */
  endHandler(): void {
    this.#handlerEnded = true;
    if (this.#connectionEnded) this.#end();
  }

  #end(): void {
    this.#onDone(this);
    for (const resolve of this.#waiting ?? []) resolve();
  }
}

const LIVE = Symbol("live");

interface Followed {
  [LIVE]?: Live;
}

/** How {@link Upgrades.drain} goes about it. */
export interface DrainOptions {
  /** How long handlers may take in all, in milliseconds. */
  graceMs: number;
  /** Over how long the closes are spread, in milliseconds. Default a quarter of `graceMs`. */
  spreadMs?: number;
}

/** What of the grace period closes may wait for answers; the rest is for the closes themselves. */
const ANSWERS_SHARE = 0.75;

/**
 * How many are closed at once, so that their coming back elsewhere is no storm, and how often:
 * fewer than these are closed in one go.
 */
const BATCH = 100;
const BATCH_EVERY_MS = 50;

/** The upgrades that a handshake belongs to. */
export function upgradesOf(handshake: Handshake): Upgrades | undefined {
  return handshake.listener instanceof Upgrades ? handshake.listener : undefined;
}

/** The upgrades of one server: what is connected through it, and the way to end it. */
export class Upgrades extends EventEmitter<UpgradeEvents> implements HandshakeListener {
  /** What is connected now, and handlers that outlive their connection. */
  readonly live = new Set<Live>();
  #draining = false;

  /** Whether new handshakes are refused with 503. */
  get draining(): boolean {
    return this.#draining;
  }

  /** See {@link HandshakeListener}. */
  settled(handshake: Handshake): void {
    if (handshake.state === "refused") this.emit("refused", handshake, handshake.status);
    else this.emit(handshake.state as "accepted" | "abandoned", handshake);
  }

  /** See {@link HandshakeListener}. */
  cutOff(handshake: Handshake, bytes: number): void {
    this.emit("cutOff", handshake, bytes);
  }

  /** See {@link HandshakeListener}. */
  ended(handshake: Handshake & Followed, closed: Closed): void {
    this.emit("closed", handshake, closed);
    handshake[LIVE]?.endConnection();
  }

  /**
   * Follows an accepted handshake until its connection and its handler have ended.
   *
   * @param handshake an accepted handshake
   * @returns to be told when the handler has ended; undefined when there is no connection
   */
  follow(handshake: Handshake & Followed): Live | undefined {
    const { connection } = handshake;
    if (!connection) return undefined;
    const live = new Live(handshake, connection, this.#forget);
    handshake[LIVE] = live;
    this.live.add(live);
    return live;
  }

  readonly #forget = (live: Live): void => {
    this.live.delete(live);
  };

  /**
   * Refuses new handshakes with 503, closes every connection with 1012 in batches, and waits for
   * the handlers.
   *
   * @returns what had not ended by then; its sockets are destroyed
   */
  async drain(options: DrainOptions): Promise<Live[]> {
    this.#draining = true;
    const all = [...this.live];
    const late = AbortSignal.timeout(wholeMs(options.graceMs));
    const closing = this.#closeInBatches(all, options.spreadMs ?? options.graceMs / 4, late);
    const ended = Promise.all([closing, ...all.map((live) => live.done)]);
    const hurry = setTimeout(this.#hurry, options.graceMs * ANSWERS_SHARE);
    await Promise.race([ended, aborted(late)]);
    clearTimeout(hurry);
    for (const { connection } of this.live) connection.terminate();
    return [...this.live];
  }

  readonly #hurry = (): void => {
    for (const { connection } of this.live) connection.hurry();
  };

  async #closeInBatches(all: readonly Live[], spreadMs: number, late: AbortSignal): Promise<void> {
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

/** The longest that a timer of Node can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A wait that Node's timers take: `AbortSignal.timeout` throws for a fraction. */
export function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), MAX_TIMER_MS);
}
