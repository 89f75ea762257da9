/** The latest messages of one demo, oldest first. The oldest make room for new ones. */
export class History {
  #items = [];
  #total = 0;
  #limit;

  constructor(limit = 500) {
    this.#limit = limit;
  }

  /** How many messages were ever added. */
  get total() {
    return this.#total;
  }

  get length() {
    return this.#items.length;
  }

  /** @param {{ text: string, from: "me" | "others" | "notice" }} message */
  add(message) {
    this.#items.push(message);
    this.#total += 1;
    if (this.#items.length > this.#limit) this.#items.shift();
  }

  /** The messages kept that came after the first `total` ones. */
  since(total) {
    const missed = Math.min(this.#total - total, this.#items.length);
    return missed === 0 ? [] : this.#items.slice(-missed);
  }
}
