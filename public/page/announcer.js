/** How many lines that come together are read out one by one. */
const MOST = 3;

/** How long lines are counted before their number is said: about as long as it takes to say three. */
const FIRST_MS = 3_000;

/** How long they are counted when they do not stop coming: five numbers a minute can be borne. */
const LONGEST_MS = 12_000;

/**
 * Keeps a flood from a screen reader: what goes beyond a few lines at once is counted, and its
 * number said politely, ever more rarely while it lasts.
 */
export class Announcer {
  #place;
  #countOf;
  #read = 0;
  #counted = 0;
  #wait = FIRST_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} place a live region that nobody sees
   * @param {(count: number) => string} countOf says how many lines have come
   */
  constructor(place, countOf) {
    this.#place = place;
    this.#countOf = countOf;
  }

  /**
   * Asks for `count` lines to be read out.
   * @returns {boolean} false when they are counted, and must not be read out
   * @param {number} count
   */
  admit(count) {
    if (count === 0) return this.#counted === 0;
    this.#timer ||= setTimeout(() => this.#tell(), this.#wait);
    if (this.#counted === 0 && this.#read + count <= MOST) {
      this.#read += count;
      return true;
    }
    this.#counted += count;
    return false;
  }

  /**
   * Has `text` read out. Only what was said last can be found on the page.
   *
   * @param {string} text
   */
  say(text) {
    // A paragraph of its own: the same words a second time are news too.
    const line = document.createElement("p");
    line.textContent = text;
    this.#place.replaceChildren(line);
  }

  /** Forgets what was counted: the lines are not to be seen any more. */
  reset() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#read = 0;
    this.#counted = 0;
    this.#wait = FIRST_MS;
  }

  #tell() {
    if (this.#counted === 0) return this.reset();
    this.say(this.#countOf(this.#counted));
    this.#counted = 0;
    this.#read = MOST;
    this.#wait = Math.min(2 * this.#wait, LONGEST_MS);
    this.#timer = setTimeout(() => this.#tell(), this.#wait);
  }
}
