/** A browser has six connections to a server without HTTP/2; the rest of the page needs some. */
export const AT_ONCE = 3;

/** Uploads a few files at a time. The others wait for their turn, in order. */
export class Uploads {
  #waiting = /** @type {Set<() => Promise<void>>} */ (new Set());
  #running = 0;

  /** @param {() => Promise<void>} turn begins an upload, and resolves when it has ended */
  add(turn) {
    this.#waiting.add(turn);
    this.#next();
  }

  /**
   * Takes one out that waits.
   *
   * @param {() => Promise<void>} turn
   */
  remove(turn) {
    this.#waiting.delete(turn);
  }

  #next() {
    for (const turn of this.#waiting) {
      if (this.#running >= AT_ONCE) return;
      this.#waiting.delete(turn);
      this.#running += 1;
      void turn().finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }
}
