/** @typedef {import("./chat-v1.js").Of<"joined">["member"]} Member */

/** Who is in a room. */
export class Members {
  /** @type {Map<string, string>} */
  #since = new Map();

  get size() {
    return this.#since.size;
  }

  /** @param {string} id */
  has(id) {
    return this.#since.has(id);
  }

  /** The members' ids, the longest there first. */
  get ids() {
    return [...this.#since.keys()];
  }

  /**
   * Begins anew with what the server says.
   *
   * @param {Member[]} members
   */
  reset(members) {
    this.#since = new Map(members.map(({ id, since }) => [id, since]));
  }

  /** @param {Member} member */
  join({ id, since }) {
    if (!this.#since.has(id)) this.#since.set(id, since);
  }

  /** @param {Member} member */
  leave({ id }) {
    this.#since.delete(id);
  }
}
