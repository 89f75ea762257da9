import { Refusal } from "../http/refusal.ts";

/** The limit for the rate of handshakes. */
export interface RateOptions {
  /**
   * Handshakes a second from one address, or one IPv6 /64, in the long run; further handshakes get
   * 429. Four seconds' worth may come at once. Loopback and trusted proxies have no limit. Default
   * 50.
   */
  handshakesPerSecond?: number;
}

const PER_SECOND = 50;
/** Seconds. A page with many sockets, or an office behind one address, reconnects all at once. */
const BURST_SECONDS = 4;
/** Milliseconds. The rounding error of a sum of 10,000 intervals is below it. */
const ROUNDING_MS = 0.001;
/** About 1 MiB. Beyond that, each new address drives out the address that was quiet longest. */
const MAX_ADDRESSES = 10_000;

/**
 * Limits the rate of handshakes for each address, by GCRA: for each address it keeps only the time
 * at which the address would have its full burst again.
 */
export class HandshakeRate {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** That time for each address, in the order of the last handshake. */
  readonly #dueBy = new Map<string, number>();

  constructor(options: RateOptions = {}) {
    const perSecond = options.handshakesPerSecond ?? PER_SECOND;
    this.#intervalMs = 1_000 / perSecond;
    // The burst is at least one handshake, however slow the rate.
    this.#burstMs = Math.max(BURST_SECONDS * 1_000 - this.#intervalMs, 0);
  }

  /** How many addresses are in the table. */
  get addresses(): number {
    return this.#dueBy.size;
  }

  /**
   * Counts one handshake.
   *
   * @param network an address, or its IPv6 /64; "" has no limit
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

  // The map begins with the address that was quiet longest. Each call removes two at most.
  #forgetQuiet(now: number): void {
    let looked = 0;
    for (const [network, due] of this.#dueBy) {
      const isFull = this.#dueBy.size > MAX_ADDRESSES;
      if (!isFull && (looked++ === 2 || due > now)) return;
      this.#dueBy.delete(network);
    }
  }
}

/** The longest `Retry-After`, in seconds: an hour, for a rate of 0. */
const LONGEST_S = 3_600;

function retryAfter(ms: number): string {
  return String(Math.min(Math.max(Math.ceil(ms / 1_000), 1), LONGEST_S) || LONGEST_S);
}
