/** A client that is in a topic. */
export interface Present {
  /** The client's id. */
  readonly id: string;
  /** When the client's first connection came, ISO 8601 in UTC. */
  readonly since: string;
}

interface Entry {
  readonly since: string;
  connections: number;
}

/**
 * Who is in which topic: one entry for each client id, however many connections the client has.
 * Presence knows only what handlers report: a handler calls `enter` when its connection comes, and
 * always `exit` when its connection goes.
 *
 * ```ts
 * const presence = new Presence();
 * presence.enter("lobby", "ada"); // { id: "ada", since: … }: ada has come
 * presence.enter("lobby", "ada"); // undefined: her second connection
 * presence.list("lobby"); // [{ id: "ada", since: … }]
 * presence.exit("lobby", "ada"); // undefined: one connection is left
 * presence.exit("lobby", "ada"); // { id: "ada", since: … }: ada has gone
 * ```
 */
export class Presence {
  readonly #topics = new Map<string, Map<string, Entry>>();

  /**
   * A connection of a client has come.
   *
   * @returns the client, if this is its first connection in the topic
   */
  enter(topic: string, id: string): Present | undefined {
    const entries = this.#topics.get(topic) ?? new Map<string, Entry>();
    this.#topics.set(topic, entries);
    const entry = entries.get(id) ?? { since: new Date().toISOString(), connections: 0 };
    entries.set(id, entry);
    return ++entry.connections === 1 ? { id, since: entry.since } : undefined;
  }

  /**
   * A connection of a client has gone.
   *
   * @returns the client, if this was its last connection in the topic
   */
  exit(topic: string, id: string): Present | undefined {
    const entries = this.#topics.get(topic);
    const entry = entries?.get(id);
    if (!entries || !entry || --entry.connections > 0) return undefined;
    entries.delete(id);
    if (entries.size === 0) this.#topics.delete(topic);
    return { id, since: entry.since };
  }

  /** The clients in a topic, in the order in which they came. */
  list(topic: string): Present[] {
    return [...(this.#topics.get(topic) ?? [])].map(([id, { since }]) => ({ id, since }));
  }

  /** How many clients are in a topic. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
  }

  /** The topics with at least one client. */
  topics(): string[] {
    return [...this.#topics.keys()];
  }
}
