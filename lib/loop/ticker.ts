/** What a wheel turns: told the time at every tick. */
export interface Watched {
  /** How often it wants to be told, in milliseconds. */
  readonly periodMs: number;
  /** @param now the wheel's time in milliseconds */
  tick(now: number): void;
}

const SLOWEST_MS = 1_000;

/**
 * One timer for all heartbeats and deadlines of a process, in place of some for each connection.
 *
 * Its clock counts time in which this process could have heard something: after the event loop
 * was blocked, a tick counts as one period, and it is told after the sockets were read. So a
 * client whose pong waits in the kernel is never late.
 */
export class Wheel {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #periodMs = SLOWEST_MS;
  #lastTick = 0;
  #now = 0;

  /** The wheel's time in milliseconds, as of the last tick. */
  get now(): number {
    return this.#now;
  }

  /** How often it ticks, in milliseconds. */
  get periodMs(): number {
    return this.#periodMs;
  }

  /** How many are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Begins to tell something the time. The timer runs while anything is watched. */
  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer && watched.periodMs >= this.#periodMs) return;
    this.#stop();
    this.#periodMs = Math.min(
      this.#watched.size > 1 ? this.#periodMs : SLOWEST_MS,
      watched.periodMs,
    );
    this.#lastTick = performance.now();
    // A timer alone keeps no process alive: its connections do.
    this.#timer = setInterval(() => this.#tick(), this.#periodMs).unref();
  }

  /** Stops telling it. */
  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#stop();
  }

  #tick(): void {
    const at = performance.now();
    // Whole milliseconds: V8 keeps fractions in objects of their own, wherever they are noted.
    this.#now += Math.round(Math.min(at - this.#lastTick, this.#periodMs));
    this.#lastTick = at;
    // After the poll phase, in which what has arrived is read.
    setImmediate(() => {
      for (const watched of this.#watched) watched.tick(this.#now);
    });
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The wheel of this process. */
export const wheel = new Wheel();
