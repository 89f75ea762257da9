/**
 * Exponential back-off with full jitter: each wait is drawn evenly between nothing and a ceiling
 * that doubles, so that the clients of a server that went away do not all return at once.
 */
export class Backoff {
  #attempt = 0;
  #base;
  #cap;

  /** @param {{ base?: number, cap?: number }} [limits] the first and the largest ceiling, in ms */
  constructor({ base = 500, cap = 15_000 } = {}) {
    this.#base = base;
    this.#cap = cap;
  }

  /** The next wait in milliseconds. */
  next() {
    const ceiling = Math.min(this.#cap, this.#base * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.random() * ceiling;
  }

  /** Starts again from the shortest wait. */
  reset() {
    this.#attempt = 0;
  }
}
