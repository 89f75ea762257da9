import type { History, Position, Subscriber } from "../broker.ts";
import { Ahead, type Arrived } from "./ahead.ts";
import { Awaited } from "./awaited.ts";
import { Deliveries } from "./deliveries.ts";
import { historyOf, type Snapshot } from "./snapshot.ts";
import { type Kept, Tail, type TailBudget } from "./tail.ts";

/** What a feed needs from its broker. */
export interface FeedSource {
  /** Reads the messages after an offset; without one, all that the topic retains. */
  read(topic: string, position: Position, after: number | undefined): Promise<Snapshot>;
  /** Hears what happens to the feed, for those who observe the engine. */
  tell(change: "gap" | "fill" | "reset", topic: string, count: number): void;
}

/**
 * How long a gap may be one of order only, in milliseconds: this process's own publications come
 * with the reply, and may be ahead of what others have published just before.
 */
const GAP_MS = 100;
/** Wait before a fill that failed is tried again, in milliseconds. */
const RETRY_MS = 500;

/**
 * One topic that this process is subscribed to. The feed delivers the messages in order, once each,
 * however they come: ahead of each other, twice, or not at all. It reads from the topic's stream
 * what does not come, and tells of messages that cannot be read any more as a new epoch.
 */
export class Feed {
  readonly topic: string;
  /** Resolves when the subscription stands and the position is known. */
  ready: Promise<void> = Promise.resolve();

  readonly #source: FeedSource;
  readonly #tail: Tail;
  readonly #budget: TailBudget;
  readonly #deliveries = new Deliveries();
  readonly #ahead = new Ahead();
  readonly #awaited = new Awaited();
  #epoch = "";
  #offset = 0;
  #timer: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  /** Whether something has come that a fill under way may not have seen. */
  #again = false;
  #reading: Promise<Snapshot> | undefined;
  #closed = false;

  constructor(topic: string, source: FeedSource, budget: TailBudget) {
    this.topic = topic;
    this.#source = source;
    this.#budget = budget;
    this.#tail = new Tail(budget);
  }

  /** The subscribers in this process. */
  get subscribers(): Set<Subscriber> {
    return this.#deliveries.subscribers;
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
    if (this.#closed) return;
    this.#epoch = snapshot.epoch;
    this.#offset = snapshot.offset;
    this.#tail.fill(snapshot.entries, snapshot.floor);
    this.#catchUp();
  }

  /** Takes a message that has come, by pub/sub or with the reply to its publication. */
  receive(arrived: Arrived): void {
    if (this.#closed) return;
    if (!this.isLive) return this.#hold(arrived);
    const { epoch, entry, floor } = arrived;
    // Only Redis knows which of two epochs is the later one: a late message may be of the earlier.
    if (epoch !== this.#epoch) return this.fill();
    if (entry.offset <= this.#offset) return;
    if (entry.offset > this.#offset + 1) return this.#hold(arrived);
    this.#deliver(entry, floor);
    if (this.#ahead.size > 0) this.#catchUp();
  }

  /** Takes a message without a position. */
  signal(data: string): void {
    this.#deliveries.signal(data);
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

  /** Resolves when a message has been delivered, or never will be; undefined if it has been. */
  reached(position: Position): Promise<void> | undefined {
    if (this.#closed || !this.isLive) return undefined;
    if (position.epoch === this.#epoch && position.offset <= this.#offset) return undefined;
    return this.#awaited.wait(position);
  }

  /** Reads the topic: from this process's memory, or from Redis once for all who ask. */
  async read(since: unknown, now: () => number): Promise<History> {
    const known = this.#tail.read(since, this.position, now());
    if (known) return known;
    // The first read may have begun before this call; the second has not.
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
    this.#stopTimer();
    if (this.#filling !== undefined) {
      this.#again = true;
      return;
    }
    this.#filling = this.#fill().finally(() => {
      this.#filling = undefined;
      if (this.#again) this.fill();
    });
  }

  /** Ends the feed: it delivers nothing any more. */
  close(): void {
    this.#closed = true;
    this.#again = false;
    this.#stopTimer();
    this.subscribers.clear();
    this.#ahead.clear();
    this.#tail.clear();
    this.#budget.drop(this.#tail);
    this.#awaited.close();
  }

  // One read for all who want more than is here; what comes meanwhile is delivered after it.
  #readAll(): Promise<Snapshot> {
    this.#reading ??= this.#source.read(this.topic, this.position, undefined).then(
      (snapshot) => {
        this.#reading = undefined;
        this.#take(snapshot);
        const isOurs = !this.#closed && snapshot.epoch === this.#epoch;
        if (isOurs) this.#tail.precede(snapshot.entries, snapshot.floor);
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
      if (!this.#closed) this.#fillIn(RETRY_MS);
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
    this.#deliveries.epoch(this.position);
    this.#awaited.restart(this.position);
  }

  #hold(arrived: Arrived): void {
    this.#ahead.add(arrived);
    if (!this.isLive || this.#timer || this.#filling) return;
    this.#source.tell("gap", this.topic, arrived.entry.offset - this.#offset - 1);
    this.#fillIn(GAP_MS);
  }

  #catchUp(): void {
    this.#ahead.forget(this.#epoch, this.#offset);
    for (let next = this.#next(); next; next = this.#next()) this.#deliver(next.entry, next.floor);
    if (this.#ahead.size === 0) this.#stopTimer();
    else this.#fillIn(GAP_MS);
  }

  #next(): Arrived | undefined {
    return this.#ahead.take(this.#offset + 1);
  }

  #deliver(entry: Kept, floor: number): void {
    this.#offset = entry.offset;
    this.#tail.add(entry, floor);
    this.#deliveries.message(entry);
    this.#awaited.reach(this.#epoch, this.#offset);
  }

  #fillIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.fill(), ms).unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
