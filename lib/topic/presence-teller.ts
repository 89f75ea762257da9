import type { Presence, Present } from "./presence.ts";

/** A client has come, or has gone. */
export interface PresenceChange {
  readonly type: "joined" | "left";
  readonly member: Present;
}

/** When changes are sent together. */
export interface PresencePace {
  /** Changes are sent together in topics of more clients than this. Default 50. */
  large?: number;
  /** How often they are sent, in milliseconds. Default 250. */
  everyMs?: number;
}

/** Sends changes to the members of a topic. */
export type TellPresence = (topic: string, changes: readonly PresenceChange[]) => Promise<void>;

const LARGE = 50;
/** Four times a second: people do not read a list of more than fifty names faster. */
const EVERY_MS = 250;

interface Pending {
  /** The changes to send, by client: one change, or "left" and then "joined". */
  readonly changes: Map<string, PresenceChange[]>;
  failed: (error: unknown) => void;
}

/**
 * Tells the members of a topic which clients come and go. In small topics it sends each change at
 * once. In large topics it sends all changes together, a few times a second, because each is a
 * message to all members. It keeps the order of one client's changes, and leaves out a client that
 * came and went in between.
 */
export class PresenceTeller {
  readonly #presence: Presence;
  readonly #tell: TellPresence;
  readonly #large: number;
  readonly #everyMs: number;
  /** The large topics with a recent message, and the changes since. */
  readonly #pending = new Map<string, Pending>();

  /** @param tell sends the changes, in their order */
  constructor(presence: Presence, tell: TellPresence, pace: PresencePace = {}) {
    this.#presence = presence;
    this.#tell = tell;
    this.#large = pace.large ?? LARGE;
    this.#everyMs = pace.everyMs ?? EVERY_MS;
  }

  /**
   * Takes a change. Resolves when it has been sent, or is queued to be sent with others.
   *
   * @param failed called with what `tell` throws when the change is sent later
   * @throws what `tell` throws when the change is sent now
   */
  async changed(
    topic: string,
    change: PresenceChange,
    failed: (error: unknown) => void = () => {},
  ): Promise<void> {
    const pending = this.#pending.get(topic);
    if (pending) {
      pending.failed = failed;
      note(pending.changes, change);
      return;
    }
    if (this.#presence.count(topic) > this.#large) this.#hold(topic, failed);
    await this.#tell(topic, [change]);
  }

  // From now on, for `everyMs`, changes are collected.
  #hold(topic: string, failed: (error: unknown) => void): void {
    const pending: Pending = { changes: new Map(), failed };
    this.#pending.set(topic, pending);
    // The timer must not keep the process alive.
    setTimeout(() => this.#tellPending(topic, pending), this.#everyMs).unref();
  }

  #tellPending(topic: string, { changes, failed }: Pending): void {
    this.#pending.delete(topic);
    const all = [...changes.values()].flat();
    if (all.length === 0) return;
    this.#hold(topic, failed);
    this.#tell(topic, all).catch(failed);
  }
}

// Adds a change to those of its client. A "joined" that was not sent yet and the "left" after it
// cancel out.
function note(changes: Map<string, PresenceChange[]>, change: PresenceChange): void {
  const { id } = change.member;
  const before = changes.get(id) ?? [];
  const last = before.at(-1);
  const now = last?.type === "joined" ? before.slice(0, -1) : [...before, change];
  // Moves the client behind the others, in the order of the changes.
  changes.delete(id);
  if (now.length > 0) changes.set(id, now);
}
