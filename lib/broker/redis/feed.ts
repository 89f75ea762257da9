import { type History, type Position, positionOf, type Subscriber } from "../broker.ts";
import { type Kept, Tail, type TailBudget } from "./tail.ts";

/** What Redis answers to a read of a topic. */
export interface Snapshot {
  readonly epoch: string;
  /** The last message's offset. */
  readonly offset: number;
  /** The first offset that is retained. */
  readonly floor: number;
  /** The messages, in order: all after the offset that was asked for, or all that are retained. */
  readonly entries: readonly Kept[];
}

/** A message that has come before one that precedes it. */
interface Ahead {
  readonly epoch: string;
  readonly entry: Kept;
  readonly floor: number;
}

/** What a feed needs from its broker. */
export interface FeedSource {
  /** Reads what comes after an offset; all that is retained without one. */
  read(topic: string, position: Position, after: number | undefined): Promise<Snapshot>;
  /** Told of what happens to the feed, for those who observe the engine. */
  tell(event: "gap" | "fill" | "reset", topic: string, count: number): void;
}

/**
 * How long a gap may be one of order only, in milliseconds: this process's own publications come
 * with the reply, and may be ahead of what others have published just before.
 */
const GAP_MS = 100;
/** Messages that wait behind a gap; with more, they are read from the stream instead. */
const MOST_AHEAD = 1_000;
/** Wait before a fill that failed is tried again, in milliseconds. */
const RETRY_MS = 500;

/**
 * One topic that this process is subscribed to. It brings the messages in order, once each,
 * however they come: ahead of each other, twice, or not at all. What does not come is read from the
 * topic's stream; what cannot be read any more is told as a reset.
 */
export class Feed {
  readonly topic: string;
  readonly subscribers = new Set<Subscriber>();
  /** Resolves when the subscription stands and the position is known. */
  ready: Promise<void> = Promise.resolve();

  readonly #source: FeedSource;
  readonly #tail: Tail;
  readonly #budget: TailBudget;
  #epoch = "";
  #offset = 0;
  readonly #ahead = new Map<number, Ahead>();
  #queue: (() => void)[] = [];
  #delivering = false;
  #timer: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  /** Whether something has come that a fill under way may not have seen. */
  #again = false;
  #reading: Promise<Snapshot> | undefined;
  #waiting: { epoch: string; offset: number; resolve: () => void }[] = [];
  #closed = false;

  constructor(topic: string, source: FeedSource, budget: TailBudget) {
    this.topic = topic;
    this.#source = source;
    this.#budget = budget;
    this.#tail = new Tail(budget);
  }

  /** Where the topic is, as far as this process has delivered it. */
  get position(): Position {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  /** Whether the position is known. */
  get isLive(): boolean {
    return this.#epoch !== "";
  }

  /** Begins at a position; messages that came meanwhile follow. */
  begin(snapshot: Snapshot): void {
    this.#epoch = snapshot.epoch;
    this.#offset = snapshot.offset;
    this.#tail.fill(snapshot.entries, snapshot.floor);
    this.#catchUp();
  }

  /** A message has come, from wherever. */
  receive(epoch: string, entry: Kept, floor: number): void {
    if (this.#closed) return;
    if (!this.isLive) return this.#hold({ epoch, entry, floor });
    if (epoch !== this.#epoch) {
      if (entry.offset !== 1) return this.fill();
      this.#restart(epoch, 0);
    }
    if (entry.offset <= this.#offset) return;
    if (entry.offset > this.#offset + 1) return this.#hold({ epoch, entry, floor });
    this.#deliver(entry, floor);
    if (this.#ahead.size > 0) this.#catchUp();
  }

  /** A passing message has come. */
  signal(data: string): void {
    this.#enqueue(() => {
      for (const subscriber of [...this.subscribers]) {
        if (this.subscribers.has(subscriber)) subscriber.signal(data);
      }
    });
  }

  /**
   * Compares with where Redis says that the topic is, and reads what is missing.
   *
   * @param epoch "" when Redis does not know the topic
   */
  compare(epoch: string, offset: number): void {
    if (!this.isLive || (epoch === this.#epoch && offset <= this.#offset)) return;
    this.fill();
  }

  /** Resolves when a message has been delivered, or never will be. */
  reached(epoch: string, offset: number): Promise<void> | undefined {
    if (this.#closed || !this.isLive) return undefined;
    if (epoch === this.#epoch && offset <= this.#offset) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ epoch, offset, resolve });
    });
  }

  /** Reads the topic: from this process's memory, or from Redis once for all who ask. */
  async read(since: unknown, now: () => number): Promise<History> {
    const known = this.#tail.read(since, this.position, now());
    if (known) return known;
    // The first may have begun before this was asked; the second has not.
    for (const _ of [1, 2]) {
      const snapshot = await this.#readAll();
      const history = this.#tail.read(since, this.position, now());
      if (history) return history;
      if (snapshot.offset >= this.#offset) return historyOf(snapshot, since);
    }
    return historyOf(await this.#source.read(this.topic, this.position, undefined), since);
  }

  /** Reads what is missing from the stream. */
  fill(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#filling !== undefined) {
      this.#again = true;
      return;
    }
    this.#filling = this.#fill().finally(() => {
      this.#filling = undefined;
      if (this.#again) this.fill();
    });
  }

  /** Ends it: nothing is told any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.subscribers.clear();
    this.#ahead.clear();
    this.#tail.clear();
    this.#budget.drop(this.#tail);
    this.#settle();
  }

  // One read for all who want more than is here; what comes meanwhile is delivered after it.
  #readAll(): Promise<Snapshot> {
    this.#reading ??= this.#source.read(this.topic, this.position, undefined).then(
      (snapshot) => {
        this.#reading = undefined;
        this.#take(snapshot);
        if (snapshot.epoch === this.#epoch) this.#tail.precede(snapshot.entries, snapshot.floor);
        return snapshot;
      },
      (error) => {
        this.#reading = undefined;
        throw error;
      },
    );
    return this.#reading;
  }

  async #fill(): Promise<void> {
    this.#again = false;
    const before = this.#offset;
    try {
      this.#take(await this.#source.read(this.topic, this.position, before));
      this.#source.tell("fill", this.topic, this.#offset - before);
    } catch {
      // Redis is away: what is missing is still there when it comes back.
      if (!this.#closed) this.#timer ??= setTimeout(() => this.fill(), RETRY_MS).unref();
    }
  }

  #take(snapshot: Snapshot): void {
    if (this.#closed) return;
    const { epoch, offset, floor, entries } = snapshot;
    const isBehind = epoch === this.#epoch && offset <= this.#offset;
    if (!isBehind && (epoch !== this.#epoch || floor > this.#offset + 1)) {
      this.#restart(epoch, floor - 1);
    }
    for (const entry of entries) {
      if (entry.offset === this.#offset + 1) this.#deliver(entry, floor);
    }
    this.#catchUp();
  }

  #restart(epoch: string, offset: number): void {
    this.#epoch = epoch;
    this.#offset = offset;
    this.#tail.fill([], offset + 1);
    this.#source.tell("reset", this.topic, 1);
    const position = this.position;
    this.#enqueue(() => {
      for (const subscriber of [...this.subscribers]) subscriber.epoch(position);
    });
    this.#settle(epoch);
  }

  #hold(ahead: Ahead): void {
    const { offset } = ahead.entry;
    if (this.#ahead.size < MOST_AHEAD) this.#ahead.set(offset, ahead);
    if (!this.isLive || this.#timer || this.#filling) return;
    this.#source.tell("gap", this.topic, offset - this.#offset - 1);
    this.#timer = setTimeout(() => this.fill(), GAP_MS).unref();
  }

  #catchUp(): void {
    for (const [offset, { epoch }] of this.#ahead) {
      if (offset <= this.#offset || epoch !== this.#epoch) this.#ahead.delete(offset);
    }
    for (let next = this.#next(); next; next = this.#next()) {
      this.#ahead.delete(next.entry.offset);
      this.#deliver(next.entry, next.floor);
    }
    if (this.#ahead.size > 0 || !this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): Ahead | undefined {
    return this.#ahead.get(this.#offset + 1);
  }

  #deliver(entry: Kept, floor: number): void {
    this.#offset = entry.offset;
    this.#tail.add(entry, floor);
    const to = [...this.subscribers];
    this.#enqueue(() => {
      for (const subscriber of to) {
        if (this.subscribers.has(subscriber)) subscriber.message(entry);
      }
    });
    if (this.#waiting.length > 0) this.#settle();
  }

  // What a subscriber publishes in its turn comes after what it answers, for all of them.
  #enqueue(task: () => void): void {
    this.#queue.push(task);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next();
    } finally {
      this.#delivering = false;
    }
  }

  /** @param begun the epoch that has begun, for which those of others wait in vain */
  #settle(begun?: string): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      const isOver = begun !== undefined && each.epoch !== begun;
      const isThere = each.epoch === this.#epoch && each.offset <= this.#offset;
      if (this.#closed || isOver || isThere) each.resolve();
      else this.#waiting.push(each);
    }
  }
}

/** Makes of what Redis answered what a reader is told. */
export function historyOf(snapshot: Snapshot, since: unknown): History {
  const { epoch, offset, floor, entries } = snapshot;
  const position = { epoch, offset };
  const from = since === undefined ? undefined : positionOf(since);
  const isKnown = from?.epoch === epoch && from.offset <= offset && from.offset >= floor - 1;
  const publications = entries
    .filter((entry) => !isKnown || entry.offset > from.offset)
    .map(({ offset, data, at }) => ({ offset, data, at }));
  return { position, publications, recovered: since === undefined ? null : isKnown };
}
