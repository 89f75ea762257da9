/**
 * One line of a conversation.
 *
 * @typedef {object} Entry
 * @property {"me" | "others" | "notice"} from
 * @property {string | (() => string)} text a function for one of the page's own, see `inText`
 * @property {string} [who] who said it
 * @property {string} [at] when, ISO 8601
 * @property {"sending" | "sent" | "failed"} [state] of what was written here
 * @property {string | (() => string)} [reason] why it failed
 */

/**
 * The latest lines of one demo, oldest first, then those that have no place yet because they are
 * still being sent. The oldest make room for new ones.
 */
export class History {
  /** @type {Set<Entry>} */
  #changed = new Set();
  /** @type {Entry[]} */
  #items = [];
  /** @type {Set<Entry>} */
  #waiting = new Set();
  #total = 0;
  #limit;

  constructor(limit = 500) {
    this.#limit = limit;
  }

  /** How many entries were ever placed. */
  get total() {
    return this.#total;
  }

  get length() {
    return this.#items.length;
  }

  /** The entries without a place, in the order they were written. */
  get waiting() {
    return [...this.#waiting];
  }

  /**
   * Places an entry, one that waited too, after all that have a place.
   *
   * @param {Entry} entry
   */
  add(entry) {
    this.#waiting.delete(entry);
    this.#items.push(entry);
    this.#total += 1;
    if (this.#items.length > this.#limit) this.#items.shift();
  }

  /**
   * Shows an entry at the end until it is added or dropped.
   *
   * @param {Entry} entry
   */
  wait(entry) {
    this.#waiting.add(entry);
  }

  /**
   * Drops an entry that waits.
   *
   * @param {Entry} entry
   */
  drop(entry) {
    this.#waiting.delete(entry);
  }

  /**
   * Changes what an entry says.
   *
   * @param {Entry} entry
   * @param {Partial<Entry>} values
   */
  change(entry, values) {
    Object.assign(entry, values);
    this.#changed.add(entry);
  }

  /** The entries changed since the last call. */
  takeChanged() {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /**
   * The entries kept that were placed after the first `total` ones.
   *
   * @param {number} total
   */
  since(total) {
    const missed = Math.min(this.#total - total, this.#items.length);
    return missed === 0 ? [] : this.#items.slice(-missed);
  }
}
