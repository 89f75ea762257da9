/** Somebody who is present. */
export interface Present {
  /** The client's id. */
  readonly id: string;
  /** When the first of its connections came, ISO 8601 in UTC. */
  readonly since: string;
}

interface Entry {
  readonly since: string;
  connections: number;
}

/**
 * Who is in which topic: one entry for each client id, however many connections it has. It holds
 * what it was told and nothing else, so a handler tells it when its connection comes, and in any
 * case when it goes.
 */
export class Presence {
  readonly #topics = new Map<string, Map<string, Entry>>();

  /**
   * A connection of a client has come.
   *
   * @returns the member, when it is the client's first connection
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
   * @returns the member, when it was the client's last connection
   */
  exit(topic: string, id: string): Present | undefined {
    const entries = this.#topics.get(topic);
    const entry = entries?.get(id);
    if (!entries || !entry || --entry.connections > 0) return undefined;
    entries.delete(id);
    if (entries.size === 0) this.#topics.delete(topic);
    return { id, since: entry.since };
  }

  /** Who is in a topic, the longest there first. */
  list(topic: string): Present[] {
    return [...(this.#topics.get(topic) ?? [])].map(([id, { since }]) => ({ id, since }));
  }

  /** How many are in a topic. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
  }

  /** The topics somebody is in. */
  topics(): string[] {
    return [...this.#topics.keys()];
  }
}
