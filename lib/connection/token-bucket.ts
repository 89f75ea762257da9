/** A token bucket: allows a burst at once, then a rate a second. It has no timer. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond how many tokens are added each second
   * @param burst how many tokens the bucket holds at most
   * @param now the time in milliseconds
   */
  constructor(perSecond: number, burst: number, now = performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /**
   * Takes tokens.
   *
   * @param now the time in milliseconds
   * @param count how many tokens; takes all of them or none
   * @returns false when too few are left
   */
  take(now = performance.now(), count = 1): boolean {
    // Infinity × 0 is NaN: when no time has passed, no tokens are added.
    const back = (now - this.#at) * this.#perMs || 0;
    this.#tokens = Math.min(this.#burst, this.#tokens + back);
    this.#at = now;
    if (this.#tokens < count) return this.#perMs === Number.POSITIVE_INFINITY;
    this.#tokens -= count;
    return true;
  }
}
