/** A token bucket: so many at once, then so many a second. It holds numbers and no timer. */
export class Rate {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond how many tokens come back each second
   * @param burst how many there are at most
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
   * @param count how many; all or none are taken
   * @returns false when there are not so many left
   */
  take(now = performance.now(), count = 1): boolean {
    // Infinity times nothing is no number: where no time has passed, nothing has come back.
    const back = (now - this.#at) * this.#perMs || 0;
    this.#tokens = Math.min(this.#burst, this.#tokens + back);
    this.#at = now;
    if (this.#tokens < count) return this.#perMs === Number.POSITIVE_INFINITY;
    this.#tokens -= count;
    return true;
  }
}
