/** The ticker calls its `tick` at every tick. */
export interface Watched {
  /** The longest time between two ticks, in milliseconds. */
  readonly periodMs: number;
  /** @param now the ticker's time in milliseconds */
  tick(now: number): void;
}

const SLOWEST_MS = 1_000;

/**
 * One timer for all heartbeats and deadlines of a process, instead of several for each connection.
 *
 * Its clock counts only time in which this process could read its sockets. After the event loop was
 * blocked, a tick counts as one period, and it runs after the sockets were read. So a client whose
 * pong waits in the kernel is never late.
 */
export class Ticker {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #periodMs = SLOWEST_MS;
  #lastTick = 0;
  #now = 0;

  /** The ticker's time in milliseconds, as of the last tick. */
  get now(): number {
    return this.#now;
  }

  /** How often it ticks, in milliseconds. */
  get periodMs(): number {
    return this.#periodMs;
  }

  /** How many objects are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Begins to call an object's `tick`. The timer runs while any object is watched. */
  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer && watched.periodMs >= this.#periodMs) return;
    this.#stop();
    this.#periodMs = Math.min(
      this.#watched.size > 1 ? this.#periodMs : SLOWEST_MS,
      watched.periodMs,
    );
    this.#lastTick = performance.now();
    // The timer must not keep the process alive.
    this.#timer = setInterval(() => this.#tick(), this.#periodMs).unref();
  }

  /** Stops calling an object's `tick`. */
  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#stop();
  }

  #tick(): void {
    const at = performance.now();
    // Whole milliseconds: V8 allocates an object for each stored fraction.
    this.#now += Math.round(Math.min(at - this.#lastTick, this.#periodMs));
    this.#lastTick = at;
    // After the poll phase, in which Node reads the sockets.
    setImmediate(() => {
      for (const watched of this.#watched) watched.tick(this.#now);
    });
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The ticker of this process. */
export const ticker = new Ticker();
