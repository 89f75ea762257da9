import {
  type Broker,
  BrokerFull,
  type History,
  type Position,
  type Published,
  type PublishOptions,
  type Subscriber,
} from "../broker.ts";
import { monotonic, Topic } from "./topic.ts";

/** How long a topic without subscribers and messages is kept for clients that return. */
const IDLE_MS = 60_000;
/** How often the broker drops messages that are too old. */
const SWEEP_MS = 1_000;
/** The bound on all topics together, because clients choose which topics exist. */
const MAX_BYTES = 64 * 1024 * 1024;
/** One topic may have a sixteenth, so that a busy topic does not drive out the others. */
const TOPICS_SHARE = 16;

/** The broker of one process: topics in memory, no server beside it. */
export class MemoryBroker implements Broker {
  readonly #topics = new Map<string, Topic>();
  // Topics that retain messages; the topic with the oldest publication first.
  readonly #retaining = new Set<Topic>();
  // Topics without subscribers and messages; the longest idle first.
  readonly #idle = new Set<Topic>();
  readonly #idleMs: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  /**
   * @param options `idleMs`: how long a topic without subscribers and messages is kept, in
   *   milliseconds, so that a returning client finds the same epoch, default 60,000; `maxBytes`:
   *   how much all topics may occupy, with their names, messages and keys, default 64 MiB, of which
   *   one topic may have a sixteenth. Above that, the broker first forgets topics without
   *   subscribers and messages, then drops the history of the topic that was quiet longest. If
   *   there is still no room, it refuses a new topic with {@link BrokerFull}.
   */
  constructor(options: { idleMs?: number; maxBytes?: number } = {}) {
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /** The approximate size of all topics, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  async publish(name: string, data: string, options: PublishOptions): Promise<Published> {
    const topic = this.#open(name);
    topic.expire(monotonic());
    const earlier = topic.entryOf(options.key);
    if (earlier) {
      const outcome = earlier.data === data ? "repeated" : "conflict";
      return { outcome, position: { epoch: topic.epoch, offset: earlier.offset } };
    }
    const entry = topic.append(data, options, this.#maxBytes / TOPICS_SHARE);
    this.#retaining.delete(topic);
    this.#sort(topic);
    this.#makeRoom(topic);
    topic.deliver(entry);
    return { outcome: "published", position: { epoch: topic.epoch, offset: entry.offset } };
  }

  async signal(name: string, data: string): Promise<void> {
    for (const subscriber of this.#topics.get(name)?.subscribers ?? []) subscriber.signal(data);
  }

  async subscribe(name: string, subscriber: Subscriber): Promise<Position> {
    const topic = this.#open(name);
    topic.subscribe(subscriber);
    this.#sort(topic);
    return topic.position;
  }

  async unsubscribe(name: string, subscriber: Subscriber): Promise<void> {
    const topic = this.#topics.get(name);
    if (!topic?.unsubscribe(subscriber)) return;
    topic.expire(topic.idleSince);
    this.#sort(topic);
    if (this.#idleMs === 0) this.#expireAll();
  }

  async read(name: string, since?: unknown): Promise<History> {
    const topic = this.#open(name);
    topic.expire(monotonic());
    this.#sort(topic);
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
    this.#retaining.clear();
    this.#idle.clear();
    this.#bytes = 0;
  }

  readonly #occupy = (more: number): void => {
    this.#bytes += more;
  };

  #open(name: string): Topic {
    const open = this.#topics.get(name);
    if (open) return open;
    const topic = new Topic(name, this.#occupy);
    if (!this.#makeRoom(topic)) {
      topic.end();
      throw new BrokerFull(
        `expected less than ${this.#maxBytes} bytes of topics that have subscribers, but there is ` +
          `no room for one more; raise maxBytes of the MemoryBroker, or let clients open fewer`,
      );
    }
    this.#topics.set(name, topic);
    this.#sort(topic);
    // A broker in a test may have an idle time shorter than the usual period.
    const every = Math.max(Math.min(SWEEP_MS, this.#idleMs), 1);
    this.#sweep ??= setInterval(() => this.#expireAll(), every).unref();
    return topic;
  }

  /**
   * Forgets idle topics, then the oldest messages, until there is room.
   *
   * @param kept a topic that must not be forgotten, but may lose its messages
   * @returns whether there is room
   */
  #makeRoom(kept: Topic): boolean {
    while (this.#bytes > this.#maxBytes) {
      const idle = firstBut(kept, this.#idle);
      if (idle) {
        this.#forget(idle);
        continue;
      }
      const [quietest] = this.#retaining;
      if (!quietest) return false;
      while (this.#bytes > this.#maxBytes && quietest.isRetaining) quietest.drop();
      this.#sort(quietest);
    }
    return true;
  }

  #expireAll(): void {
    const now = monotonic();
    for (const topic of this.#retaining) {
      topic.expire(now);
      this.#sort(topic);
    }
    for (const topic of this.#idle) {
      if (now - topic.idleSince < this.#idleMs) break;
      this.#forget(topic);
    }
    this.#rest();
  }

  // Puts the topic among those that retain messages, among the idle ones, or in neither set.
  #sort(topic: Topic): void {
    if (topic.isRetaining) this.#retaining.add(topic);
    else this.#retaining.delete(topic);
    if (topic.isIdle) this.#idle.add(topic);
    else this.#idle.delete(topic);
  }

  // A topic that is opened again has another epoch, so no position of its earlier life is valid.
  #forget(topic: Topic): void {
    this.#topics.delete(topic.name);
    this.#idle.delete(topic);
    topic.end();
  }

  // The timer runs only while there are topics.
  #rest(): void {
    if (this.#topics.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function firstBut(kept: Topic, topics: Iterable<Topic>): Topic | undefined {
  for (const topic of topics) if (topic !== kept) return topic;
  return undefined;
}
