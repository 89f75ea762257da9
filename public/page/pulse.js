/** A connection on which nothing came for this long is asked for a sign of life. */
const QUIET_MS = 15_000;

/** After this long without an answer the page says that it waits for one. */
const DOUBT_MS = 3_000;

/** After this long without an answer the connection is given up. */
const ANSWER_MS = 10_000;

/** The same for who comes back to a page that slept: most of such connections are dead. */
const WAKING_MS = 5_000;

/** A timer that is late by more than this was held back, with all that came meanwhile. */
const LATE_MS = 2_000;

/**
 * Finds out that a connection is dead which still looks open: a network that swallows everything
 * looks like a server with nothing to say, and a browser shows a page no pings.
 *
 * Something that came, whatever it was, is a sign of life. When the server owes an answer, or has
 * been quiet and is asked for a sign, it has ten seconds.
 */
export class Pulse {
  /** Whether an answer is overdue. */
  doubtful = false;
  #ask;
  #changed;
  #lost;
  /** When something came last. */
  #heardAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quiet;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #doubt;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #deadline;
  #wasLate = false;

  /**
   * @param {object} does
   * @param {() => boolean} does.ask asks for a sign of life; false when the server cannot be asked
   * @param {() => void} does.changed `doubtful` has changed
   * @param {() => void} does.lost no answer came
   */
  constructor({ ask, changed, lost }) {
    this.#ask = ask;
    this.#changed = changed;
    this.#lost = lost;
  }

  /** The connection is open. */
  begin() {
    this.end();
    this.heard();
    this.#listen(QUIET_MS);
  }

  /** The connection is open no more. */
  end() {
    clearTimeout(this.#quiet);
    this.#calm();
  }

  /** Something came. */
  heard() {
    this.#heardAt = performance.now();
    if (this.#deadline !== undefined) this.#calm();
  }

  /** Waits for an answer that the server owes, if it is not waited for already. */
  expect(ms = ANSWER_MS) {
    if (this.#deadline !== undefined) return;
    this.#doubt = setTimeout(() => this.#setDoubtful(true), DOUBT_MS);
    const due = performance.now() + ms;
    this.#deadline = setTimeout(() => this.#judge(due), ms);
  }

  /**
   * Asks at once, for a page that has slept or a network that has changed.
   *
   * @returns {boolean} false when the server cannot be asked
   */
  check() {
    if (!this.#ask()) return false;
    this.#calm();
    this.expect(WAKING_MS);
    return true;
  }

  /** @param {number} ms */
  #listen(ms) {
    this.#quiet = setTimeout(() => {
      const rest = this.#heardAt + QUIET_MS - performance.now();
      if (rest > 0) return this.#listen(rest);
      if (this.#deadline === undefined && this.#ask()) this.expect();
      this.#listen(QUIET_MS);
    }, ms);
  }

  // In a page that was frozen, the deadline may come before the answer that waits behind it; in a
  // hidden one every timer is late. So the first late deadline counts for nothing.
  /** @param {number} due when it should have come */
  #judge(due) {
    const isLate = performance.now() - due > LATE_MS && !this.#wasLate;
    this.#calm();
    this.#wasLate = isLate;
    if (!isLate) return this.#lost();
    this.#ask();
    this.expect();
  }

  #calm() {
    clearTimeout(this.#doubt);
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#wasLate = false;
    this.#setDoubtful(false);
  }

  /** @param {boolean} doubtful */
  #setDoubtful(doubtful) {
    if (this.doubtful === doubtful) return;
    this.doubtful = doubtful;
    this.#changed();
  }
}
