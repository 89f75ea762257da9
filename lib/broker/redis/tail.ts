import { type History, type Position, type Publication, positionOf } from "../broker.ts";

/** A message as this process keeps it. */
export interface Kept extends Publication {
  /** When it is too old, by Redis's clock. */
  readonly expiresAt: number;
}

/** What all tails of a process may occupy, in bytes: as much as Redis keeps of eight full topics. */
const MOST_BYTES = 32 * 1024 * 1024;
/** What a message costs beside its text. Rounded up. */
const ENTRY_BYTES = 256;

/** What the tails of a process occupy together. The one that was read longest ago gives way. */
export class TailBudget {
  readonly #tails = new Set<Tail>();
  readonly #most: number;
  #bytes = 0;

  /** @param most bound in bytes, 32 MiB by default */
  constructor(most = MOST_BYTES) {
    this.#most = most;
  }

  /** A tail has grown, or shrunk. */
  occupy(more: number): void {
    this.#bytes += more;
    for (const tail of this.#tails) {
      if (this.#bytes <= this.#most) return;
      tail.clear();
      this.#tails.delete(tail);
    }
  }

  /** A tail has been read: it goes last. */
  touch(tail: Tail): void {
    this.#tails.delete(tail);
    this.#tails.add(tail);
  }

  /** A tail is used no more. */
  drop(tail: Tail): void {
    this.#tails.delete(tail);
  }
}

/**
 * The last messages of one topic, without a gap, in the memory of this process: clients that come
 * back are served from it, so that a thousand of them cost Redis one read.
 */
export class Tail {
  readonly #budget: TailBudget;
  #entries: Kept[] = [];
  #bytes = 0;
  /** The first offset that is retained, as far as this process knows. */
  #floor = 1;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  /** Adds a message; those below the topic's floor go. It must follow the last one. */
  add(entry: Kept, floor: number): void {
    const last = this.#entries.at(-1);
    if (last && last.offset + 1 !== entry.offset) this.clear();
    this.#entries.push(entry);
    this.#occupy(bytesOf(entry));
    this.#floor = Math.max(this.#floor, floor);
    while (this.#entries[0] && this.#entries[0].offset < this.#floor) this.#shift();
    this.#budget.touch(this);
  }

  /** Replaces all of it by what was read: all that the topic retains. */
  fill(entries: readonly Kept[], floor: number): void {
    this.clear();
    this.#floor = floor;
    this.#entries = [...entries];
    this.#occupy(entries.reduce((sum, entry) => sum + bytesOf(entry), 0));
    this.#budget.touch(this);
  }

  /** Adds what came before what is here, as it was read. */
  precede(entries: readonly Kept[], floor: number): void {
    const first = this.#entries[0]?.offset;
    const last = entries.at(-1)?.offset;
    if (first !== undefined && last !== undefined && last < first - 1) return;
    const older = entries.filter(({ offset }) => first === undefined || offset < first);
    this.#floor = Math.max(this.#floor, floor);
    this.#entries = [...older, ...this.#entries];
    this.#occupy(older.reduce((sum, entry) => sum + bytesOf(entry), 0));
    this.#budget.touch(this);
  }

  /**
   * Answers a read, if what is here is enough for it.
   *
   * @param since the position that was asked for
   * @param position where the topic is
   * @param now the time by Redis's clock
   * @returns undefined when Redis has to be asked
   */
  read(since: unknown, position: Position, now: number): History | undefined {
    const { epoch, offset } = position;
    this.#expire(now);
    const first = this.#entries[0]?.offset ?? offset + 1;
    const from = since === undefined ? undefined : positionOf(since);
    if (from?.epoch === epoch && from.offset <= offset && from.offset >= first - 1) {
      const publications = this.#entries.slice(from.offset - first + 1).map(publicationOf);
      return { position, publications, recovered: true };
    }
    // All that is retained is asked for, and this process has not all of it.
    if (first > this.#floor) return undefined;
    const publications = this.#entries.map(publicationOf);
    return { position, publications, recovered: since === undefined ? null : false };
  }

  /** Forgets all. */
  clear(): void {
    this.#occupy(-this.#bytes);
    this.#entries = [];
  }

  // What is too old is so for all, and whatever came before it as well.
  #expire(now: number): void {
    for (let first = this.#entries[0]; first && first.expiresAt <= now; first = this.#entries[0]) {
      this.#floor = Math.max(this.#floor, first.offset + 1);
      this.#shift();
    }
  }

  #shift(): void {
    const entry = this.#entries.shift();
    if (entry) this.#occupy(-bytesOf(entry));
  }

  #occupy(more: number): void {
    this.#bytes += more;
    this.#budget.occupy(more);
  }
}

function publicationOf({ offset, data, at }: Kept): Publication {
  return { offset, data, at };
}

function bytesOf(entry: Kept): number {
  return ENTRY_BYTES + 2 * entry.data.length;
}
