import { randomBytes } from "node:crypto";

/** 128 bits: nobody guesses one in the time it is good for. */
const PASS_BYTES = 16;

/**
 * Random names that let their bearer in for a limited time: a bounded table, all of one lifetime.
 * Time is the monotonic clock's, so that a clock that is set back lengthens none of them.
 */
export class Passes {
  readonly #lifetimeMs: number;
  readonly #most: number;
  // In the order in which they were issued, which is the order in which they end.
  readonly #endsAt = new Map<string, number>();

  /**
   * @param seconds how long each is good
   * @param most how many there are at once; beyond it the oldest is worth nothing
   */
  constructor(seconds: number, most: number) {
    this.#lifetimeMs = seconds * 1_000;
    this.#most = most;
  }

  /** Issues one. */
  issue(now = performance.now()): string {
    for (const [pass, endsAt] of this.#endsAt) {
      if (endsAt > now && this.#endsAt.size < this.#most) break;
      this.#endsAt.delete(pass);
    }
    const pass = randomBytes(PASS_BYTES).toString("base64url");
    this.#endsAt.set(pass, now + this.#lifetimeMs);
    return pass;
  }

  /** Whether it is good now. */
  isGood(pass: string, now = performance.now()): boolean {
    return (this.#endsAt.get(pass) ?? Number.NEGATIVE_INFINITY) > now;
  }

  /** Ends it. */
  end(pass: string): void {
    this.#endsAt.delete(pass);
  }
}
