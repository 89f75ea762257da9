import { Refusal } from "../http/refusal.ts";

/** How fast handshakes may come. */
export interface RateOptions {
  /**
   * Handshakes a second from one address, or one IPv6 /64, in the long run; four seconds' worth
   * may come at once. More get 429. Not for loopback or trusted proxies. Default 50.
   */
  handshakesPerSecond?: number;
}

const PER_SECOND = 50;
/** Seconds: a page with many sockets, or an office behind one address, comes back at once. */
const BURST_SECONDS = 4;
/** Intervals are added up: what a sum of 10,000 fractions is off by stays below it. */
const ROUNDING_MS = 0.001;
/** Some 1 MiB; more addresses than that in four seconds drive out the one that was quiet longest. */
const MAX_ADDRESSES = 10_000;

/**
 * Paces the handshakes of each address (GCRA: of an address only the time is kept at which all its
 * handshakes would have been in time).
 */
export class HandshakeRate {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** In the order of the last handshake. */
  readonly #dueBy = new Map<string, number>();

  constructor(options: RateOptions = {}) {
    const perSecond = options.handshakesPerSecond ?? PER_SECOND;
    this.#intervalMs = 1_000 / perSecond;
    // At least one handshake, however slow the rate.
    this.#burstMs = Math.max(BURST_SECONDS * 1_000 - this.#intervalMs, 0);
  }

  /** How many addresses are known now. */
  get addresses(): number {
    return this.#dueBy.size;
  }

  /**
   * Counts one handshake.
   *
   * @param network an address, or what stands for its network; "" is not paced
   * @param now monotonic time in milliseconds
   * @throws Refusal 429 with `Retry-After`; such a handshake is not counted
   */
  take(network: string, now = performance.now()): void {
    if (network === "") return;
    const due = Math.max(this.#dueBy.get(network) ?? 0, now);
    if (!(due - now <= this.#burstMs + ROUNDING_MS)) {
      throw new Refusal(429, "there are too many handshakes from this address", {
        "Retry-After": retryAfter(due - now - this.#burstMs),
      });
    }
    this.#dueBy.delete(network);
    this.#dueBy.set(network, due + this.#intervalMs);
    this.#forgetQuiet(now);
  }

  // The first in the map came last longest ago. Two at a time keep pace with one that is added.
  #forgetQuiet(now: number): void {
    let looked = 0;
    for (const [network, due] of this.#dueBy) {
      const isFull = this.#dueBy.size > MAX_ADDRESSES;
      if (!isFull && (looked++ === 2 || due > now)) return;
      this.#dueBy.delete(network);
    }
  }
}

/** An hour, for a rate of 0. */
const LONGEST_S = 3_600;

function retryAfter(ms: number): string {
  return String(Math.min(Math.max(Math.ceil(ms / 1_000), 1), LONGEST_S) || LONGEST_S);
}
