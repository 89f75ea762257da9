import { BUCKETS, type Buckets } from "./buckets.ts";
import type { Calls } from "./calls.ts";
import type { Feed } from "./feed.ts";
import { observe } from "./observe.ts";

/** How often a process shows Redis that it is there, in milliseconds. */
const BEAT_MS = 1_000;
/** Every fifth heartbeat compares positions: pub/sub loses messages without a word. */
const COMPARE_EVERY = 5;
/** Topics in one comparison, so that Redis runs a script for less than a millisecond. */
const MOST_COMPARED = 500;

/** What a {@link Heartbeat} needs of its broker. */
export interface HeartbeatParts {
  readonly calls: Calls;
  readonly buckets: Buckets;
  /** The topics that this process is subscribed to, by name. */
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly idleMs: number;
  /** The time in milliseconds, for tests; by default Redis's clock. */
  readonly now: (() => number) | undefined;
}

/**
 * Counts on in every bucket each second, so that Redis knows what it has acknowledged, and asks
 * every five seconds whether a topic of this process has missed a message.
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #timer: NodeJS.Timeout | undefined;
  /** Redis's clock less the monotonic one of this process, in milliseconds. */
  #skew: number | undefined;
  #beats = 0;
  #isBeating = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Begins, if it has not. */
  start(): void {
    this.#timer ??= setInterval(() => void this.#onTime(), BEAT_MS).unref();
  }

  /** Ends. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Beats once; every fifth time with a comparison. */
  async beat(): Promise<void> {
    const isDue = ++this.#beats % COMPARE_EVERY === 0;
    await this.#beatAll(isDue || this.#parts.now !== undefined);
  }

  /** Beats once with a comparison: messages may have been lost. */
  async compare(): Promise<void> {
    await this.#beatAll(true);
  }

  /** Redis's clock as this process knows it: no jump of this process's own clock moves it. */
  now(): number {
    if (this.#parts.now) return this.#parts.now();
    return this.#skew === undefined ? Date.now() : performance.now() + this.#skew;
  }

  // Redis may be away for longer than the interval: one beat waits for it, not one each second.
  async #onTime(): Promise<void> {
    observe("outstanding", { calls: this.#parts.calls.outstanding });
    if (this.#isBeating) return;
    this.#isBeating = true;
    await this.beat();
    this.#isBeating = false;
  }

  async #beatAll(compares: boolean): Promise<void> {
    const { feeds, buckets } = this.#parts;
    const topics: string[][] = Array.from({ length: BUCKETS }, () => []);
    if (compares) for (const name of feeds.keys()) topics[buckets.of(name)]?.push(name);
    const beats = topics.map((names, bucket) => this.#beat(bucket, names));
    await Promise.all(beats).catch(() => {
      // Redis is away; the next heartbeat tries again.
    });
  }

  async #beat(bucket: number, names: readonly string[]): Promise<void> {
    const { calls, feeds, idleMs } = this.#parts;
    for (let at = 0; at === 0 || at < names.length; at += MOST_COMPARED) {
      const some = names.slice(at, at + MOST_COMPARED);
      const [now, ...found] = await calls.beat(bucket, idleMs, some);
      this.#skew = Number(now) - performance.now();
      some.forEach((name, i) => {
        feeds.get(name)?.compare(String(found[2 * i]), Number(found[2 * i + 1]));
      });
    }
  }
}
