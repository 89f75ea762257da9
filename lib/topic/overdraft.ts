/**
 * A token bucket that may be overdrawn: one call may take more than there is, and the next must
 * wait until the bucket has recovered. It holds four numbers and no timer.
 */
export class Overdraft {
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  /**
   * @param perSecond how much is added each second
   * @param burst how much the bucket holds at most
   * @param now a monotonic clock's time in milliseconds
   */
  constructor(perSecond: number, burst: number, now = performance.now()) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#left = burst;
    this.#at = now;
  }

  /** How long to wait, in milliseconds; 0 to go on now. */
  waitMs(now = performance.now()): number {
    const left = this.#leftAt(now);
    return left > 0 ? 0 : Math.max(Math.ceil(-left / this.#perMs), 1);
  }

  /** Whether the bucket is full, as if nothing had been taken. */
  isFull(now = performance.now()): boolean {
    return this.#leftAt(now) >= this.#burst;
  }

  /** Takes an amount, even more than there is. */
  take(amount: number, now = performance.now()): void {
    this.#left = this.#leftAt(now) - amount;
    this.#at = now;
  }

  #leftAt(now: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return this.#burst;
    return Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
  }
}
