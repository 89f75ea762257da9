/**
 * A token bucket: so many at once, then so many a second. It holds two numbers and no timer.
 */
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
   * Takes one token.
   *
   * @returns false when there is none left
   */
  take(now = performance.now()): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
