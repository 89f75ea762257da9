/** Who is in a room. */
export class Members {
  #since = new Map();

  get size() {
    return this.#since.size;
  }

  has(id) {
    return this.#since.has(id);
  }

  /** The members' ids, the longest there first. */
  get ids() {
    return [...this.#since.keys()];
  }

  /** Begins anew with what the server says. */
  reset(members) {
    this.#since = new Map(members.map(({ id, since }) => [id, since]));
  }

  join({ id, since }) {
    if (!this.#since.has(id)) this.#since.set(id, since);
  }

  leave({ id }) {
    this.#since.delete(id);
  }
}
