import { randomBytes } from "node:crypto";

/** 128 bits: impossible to guess within a pass's lifetime. */
const PASS_BYTES = 16;

/**
 * Random names that admit their bearer for a limited time: a bounded table, with the same lifetime
 * for all. It uses the monotonic clock, so setting the wall clock back does not lengthen a
 * lifetime.
 */
export class Passes {
  readonly #lifetimeMs: number;
  readonly #most: number;
  // In the order of issue, which is the order in which they end.
  readonly #endsAt = new Map<string, number>();

  /**
   * @param seconds the lifetime of a pass
   * @param most how many are valid at once; above that the oldest ends
   */
  constructor(seconds: number, most: number) {
    this.#lifetimeMs = seconds * 1_000;
    this.#most = most;
  }

  /** Issues a pass. */
  issue(now = performance.now()): string {
    for (const [pass, endsAt] of this.#endsAt) {
      if (endsAt > now && this.#endsAt.size < this.#most) break;
      this.#endsAt.delete(pass);
    }
    const pass = randomBytes(PASS_BYTES).toString("base64url");
    this.#endsAt.set(pass, now + this.#lifetimeMs);
    return pass;
  }

  /** Whether a pass is valid now. */
  isGood(pass: string, now = performance.now()): boolean {
    return (this.#endsAt.get(pass) ?? Number.NEGATIVE_INFINITY) > now;
  }

  /** Ends a pass. */
  end(pass: string): void {
    this.#endsAt.delete(pass);
  }
}
