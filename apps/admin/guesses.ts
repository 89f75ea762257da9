import { createHmac, randomBytes } from "node:crypto";
import { networkOf } from "koa-subapps";

/** Wrong tokens that one address may show at once: room for an operator's typing errors. */
const AT_ONCE = 10;
/** After those, one token in so many milliseconds: ten a minute. */
const EVERY_MS = 6_000;
/** Entries in the table, of eight bytes each: 128 KiB, however many addresses guess. */
const PLACES = 16_384;

/**
 * Slows down clients that guess, by address (an IPv6 /64 counts as one). A keyed hash gives each
 * address a place in a table of fixed size. A client cannot drive an entry out, make the table
 * grow, or find out which addresses share a place. A place holds one number, the time at which all
 * its wrong guesses are paid for (the generic cell rate algorithm of ITU-T I.371).
 */
export class Guesses {
  readonly #paidAt = new Float64Array(PLACES);
  readonly #key = randomBytes(16);

  /**
   * How long an address has to wait before it may show a token, in milliseconds; 0 for no wait.
   *
   * @param address an address as in `ctx.ip`
   * @param now the monotonic time in milliseconds
   */
  waitMs(address: string, now = performance.now()): number {
    const paidAt = this.#paidAt[this.#placeOf(address)] ?? 0;
    // Whole milliseconds, so that a rounding error is not a wait.
    return Math.max(Math.round(paidAt - now - (AT_ONCE - 1) * EVERY_MS), 0);
  }

  /** Counts a wrong token of an address. */
  wrong(address: string, now = performance.now()): void {
    const place = this.#placeOf(address);
    this.#paidAt[place] = Math.max(this.#paidAt[place] ?? 0, now) + EVERY_MS;
  }

  #placeOf(address: string): number {
    const hash = createHmac("sha256", this.#key).update(networkOf(address)).digest();
    return hash.readUInt32LE() % PLACES;
  }
}
