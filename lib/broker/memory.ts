import { randomBytes } from "node:crypto";
import {
  type Broker,
  type History,
  type Position,
  type Publication,
  type Published,
  type PublishOptions,
  positionOf,
  type Subscriber,
} from "../broker.ts";

interface Entry extends Publication {
  readonly key: string | undefined;
  readonly expiresAt: number;
}

/** Sixty-four bits: two lives of a topic never have the same name by chance. */
const EPOCH_BYTES = 8;
/** How long a topic without subscribers and messages is kept for those who come back. */
const IDLE_MS = 60_000;
/** How often topics are looked through for messages that have aged out. */
const SWEEP_MS = 1_000;

interface Delivery {
  readonly entry: Entry;
  /** Those who subscribed before the message was published. */
  readonly to: readonly Subscriber[];
}

class Topic {
  readonly epoch = randomBytes(EPOCH_BYTES).toString("base64url");
  readonly subscribers = new Set<Subscriber>();
  offset = 0;
  /** When the last subscriber or message went. */
  idleSince = Date.now();
  #entries: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  readonly #deliveries: Delivery[] = [];
  #delivering = false;

  get position(): Position {
    return { epoch: this.epoch, offset: this.offset };
  }

  isIdle(now: number, idleMs: number): boolean {
    if (this.subscribers.size > 0 || this.#entries.length > 0) return false;
    return now - this.idleSince >= idleMs;
  }

  /** When the oldest message is too old. */
  get expiresAt(): number {
    return this.#entries[0]?.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  entryOf(key: string | undefined): Entry | undefined {
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  append(data: string, { key, retention }: PublishOptions): Entry {
    const at = Date.now();
    const entry = { offset: ++this.offset, data, at, key, expiresAt: at + retention.ageMs };
    this.#entries.push(entry);
    if (key !== undefined) this.#byKey.set(key, entry);
    while (this.#entries.length > retention.count) this.#drop();
    return entry;
  }

  /**
   * Tells the subscribers of a message. What one of them publishes in its turn comes after it, for
   * all of them.
   */
  deliver(entry: Entry): void {
    this.#deliveries.push({ entry, to: [...this.subscribers] });
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#deliveries.shift(); next; next = this.#deliveries.shift()) {
        for (const subscriber of next.to) {
          if (this.subscribers.has(subscriber)) subscriber.message(next.entry);
        }
      }
    } finally {
      this.#delivering = false;
    }
  }

  expire(now: number): void {
    while (this.expiresAt <= now) this.#drop();
  }

  read(since: unknown): History {
    const { position } = this;
    const retained = this.#entries;
    if (since === undefined) return { position, publications: [...retained], recovered: null };
    const from = positionOf(since);
    const oldest = this.offset - retained.length;
    const known = from?.epoch === this.epoch && from.offset <= this.offset && from.offset >= oldest;
    if (!known) return { position, publications: [...retained], recovered: false };
    return { position, publications: retained.slice(from.offset - oldest), recovered: true };
  }

  #drop(): void {
    const entry = this.#entries.shift();
    if (entry?.key !== undefined) this.#byKey.delete(entry.key);
    this.idleSince = Date.now();
  }
}

/** The broker of one process: topics in memory, no server beside it. */
export class MemoryBroker implements Broker {
  readonly #topics = new Map<string, Topic>();
  readonly #idleMs: number;
  #sweep: NodeJS.Timeout | undefined;

  /**
   * @param options `idleMs`: how long a topic without subscribers and messages is kept, in
   *   milliseconds, so that who comes back finds the same epoch. Default 60,000.
   */
  constructor(options: { idleMs?: number } = {}) {
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  async publish(name: string, data: string, options: PublishOptions): Promise<Published> {
    const topic = this.#open(name);
    topic.expire(Date.now());
    const earlier = topic.entryOf(options.key);
    if (earlier) {
      const outcome = earlier.data === data ? "repeated" : "conflict";
      return { outcome, position: { epoch: topic.epoch, offset: earlier.offset } };
    }
    const entry = topic.append(data, options);
    topic.deliver(entry);
    return { outcome: "published", position: { epoch: topic.epoch, offset: entry.offset } };
  }

  async signal(name: string, data: string): Promise<void> {
    for (const subscriber of [...(this.#topics.get(name)?.subscribers ?? [])])
      subscriber.signal(data);
  }

  async subscribe(name: string, subscriber: Subscriber): Promise<Position> {
    const topic = this.#open(name);
    topic.subscribers.add(subscriber);
    return topic.position;
  }

  async unsubscribe(name: string, subscriber: Subscriber): Promise<void> {
    const topic = this.#topics.get(name);
    if (!topic?.subscribers.delete(subscriber)) return;
    topic.idleSince = Date.now();
    this.#expire(name, topic, topic.idleSince);
    this.#rest();
  }

  async read(name: string, since?: unknown): Promise<History> {
    const topic = this.#open(name);
    topic.expire(Date.now());
    return topic.read(since);
  }

  async topics(): Promise<string[]> {
    this.#expireAll();
    return [...this.#topics.keys()];
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#topics.clear();
  }

  #open(name: string): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = new Topic();
      this.#topics.set(name, topic);
      // At the age of the shortest idle time: a broker of a test has a short one.
      const every = Math.max(Math.min(SWEEP_MS, this.#idleMs), 1);
      this.#sweep ??= setInterval(() => this.#expireAll(), every).unref();
    }
    return topic;
  }

  #expireAll(): void {
    const now = Date.now();
    for (const [name, topic] of this.#topics) this.#expire(name, topic, now);
    this.#rest();
  }

  // A topic that begins again has another epoch, so no position of its earlier life fits.
  #expire(name: string, topic: Topic, now: number): void {
    topic.expire(now);
    if (topic.isIdle(now, this.#idleMs)) this.#topics.delete(name);
  }

  // The timer runs while there is a topic.
  #rest(): void {
    if (this.#topics.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
