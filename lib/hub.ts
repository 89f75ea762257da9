import type { Connection, Outgoing } from "./connection.ts";

type Member = Connection<unknown>;

/**
 * The connections of this process by topic: who joined what, and a way to reach them all.
 *
 * ```ts
 * hub.join("lobby", socket);
 * hub.publish("lobby", "hello");
 * ```
 */
export class Hub {
  readonly #topics = new Map<string, Set<Member>>();

  /**
   * Adds a connection to a topic. It leaves by itself when it ends.
   *
   * @returns false when it was a member already, or has ended
   */
  join(topic: string, member: Member): boolean {
    if (!member.open) return false;
    const members = this.#topics.get(topic) ?? new Set();
    if (members.has(member)) return false;
    this.#topics.set(topic, members.add(member));
    void member.closed.then(() => this.leave(topic, member));
    return true;
  }

  /** Takes a connection out of a topic; a topic without members is gone. */
  leave(topic: string, member: Member): boolean {
    const members = this.#topics.get(topic);
    if (!members?.delete(member)) return false;
    if (members.size === 0) this.#topics.delete(topic);
    return true;
  }

  /**
   * Sends one message to the members of a topic. It waits for nobody: a member that cannot keep
   * up is cut off by the bound of its own connection.
   *
   * @param options `except`: a member that does not get it
   */
  publish(topic: string, message: Outgoing, options: { except?: Member } = {}): void {
    for (const member of this.#topics.get(topic) ?? []) {
      if (member !== options.except) void member.send(message);
    }
  }

  /** The members of a topic now. */
  members(topic: string): ReadonlySet<Member> {
    return this.#topics.get(topic) ?? new Set();
  }

  /** The topics that have members now. */
  topics(): IterableIterator<string> {
    return this.#topics.keys();
  }
}
