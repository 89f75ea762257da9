import type { Presence, Present } from "./presence.ts";

/** A client has come, or has gone. */
export interface PresenceChange {
  readonly type: "joined" | "left";
  readonly member: Present;
}

/** When changes are told together. */
export interface PresencePace {
  /** In topics of more clients than this. Default 50. */
  large?: number;
  /** How often, in milliseconds. Default 250. */
  everyMs?: number;
}

/** Tells the members of a topic of changes. */
export type TellPresence = (topic: string, changes: readonly PresenceChange[]) => Promise<void>;

const LARGE = 50;
/** Four times a second: nobody reads a list of more than fifty names faster. */
const EVERY_MS = 250;

interface Pending {
  /** What is to be told, by client: nothing, one change, or a leaving and a coming back. */
  readonly changes: Map<string, PresenceChange[]>;
  failed: (error: unknown) => void;
}

/**
 * Tells who comes and goes: at once in small topics, and in large ones all changes together, a few
 * times a second, for each is a message to everybody. The order of one client's changes is kept;
 * one that has come and gone in between is not mentioned.
 */
export class PresenceTeller {
  readonly #presence: Presence;
  readonly #tell: TellPresence;
  readonly #large: number;
  readonly #everyMs: number;
  /** The large topics that have been told something just now, and what has changed since. */
  readonly #pending = new Map<string, Pending>();

  /** @param tell sends the changes, in their order */
  constructor(presence: Presence, tell: TellPresence, pace: PresencePace = {}) {
    this.#presence = presence;
    this.#tell = tell;
    this.#large = pace.large ?? LARGE;
    this.#everyMs = pace.everyMs ?? EVERY_MS;
  }

  /**
   * A change has happened. Resolves when it has been told, or will be with others.
   *
   * @param failed told of what `tell` throws when it is told later
   * @throws what `tell` throws when it is told now
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

  // From here on for a while what changes is noted.
  #hold(topic: string, failed: (error: unknown) => void): void {
    const pending: Pending = { changes: new Map(), failed };
    this.#pending.set(topic, pending);
    // A timer alone keeps no process alive: its connections do.
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

// What has been told of a client, and then the changes since: a coming that nobody was told of and
// the leaving after it are nothing.
function note(changes: Map<string, PresenceChange[]>, change: PresenceChange): void {
  const { id } = change.member;
  const before = changes.get(id) ?? [];
  const last = before.at(-1);
  const now = last?.type === "joined" ? before.slice(0, -1) : [...before, change];
  // Behind the others, for that is when it has happened.
  changes.delete(id);
  if (now.length > 0) changes.set(id, now);
}
