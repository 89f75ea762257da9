import type {
  Broker,
  History,
  Position,
  Published,
  PublishOptions,
  Subscriber,
} from "../broker.ts";
import { Topic } from "./topic.ts";

/** How long a topic without subscribers and messages is kept for those who come back. */
const IDLE_MS = 60_000;
/** How often topics are looked through for messages that have aged out. */
const SWEEP_MS = 1_000;
/** What all retained messages may occupy: clients choose what topics there are. */
const MAX_BYTES = 64 * 1024 * 1024;
/** One topic may have a sixteenth, so that a loud one does not drive out the others. */
const TOPICS_SHARE = 16;

/** The broker of one process: topics in memory, no server beside it. */
export class MemoryBroker implements Broker {
  readonly #topics = new Map<string, Topic>();
  // Those that retain something, the one that was published to least recently first.
  readonly #retaining = new Set<Topic>();
  readonly #idleMs: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  /**
   * @param options `idleMs`: how long a topic without subscribers and messages is kept, in
   *   milliseconds, so that who comes back finds the same epoch, default 60,000; `maxBytes`: what
   *   all retained messages may occupy, default 64 MiB, of which one topic may have a sixteenth.
   *   Over it, the history of the topic that was quiet longest goes first.
   */
  constructor(options: { idleMs?: number; maxBytes?: number } = {}) {
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  async publish(name: string, data: string, options: PublishOptions): Promise<Published> {
    const topic = this.#open(name);
    topic.expire(Date.now());
    const earlier = topic.entryOf(options.key);
    if (earlier) {
      const outcome = earlier.data === data ? "repeated" : "conflict";
      return { outcome, position: { epoch: topic.epoch, offset: earlier.offset } };
    }
    const entry = topic.append(data, options, this.#maxBytes / TOPICS_SHARE);
    this.#retaining.delete(topic);
    this.#retaining.add(topic);
    this.#evict();
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
    this.#retaining.clear();
    this.#bytes = 0;
  }

  #open(name: string): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = new Topic((more) => {
        this.#bytes += more;
      });
      this.#topics.set(name, topic);
      // At the age of the shortest idle time: a broker of a test has a short one.
      const every = Math.max(Math.min(SWEEP_MS, this.#idleMs), 1);
      this.#sweep ??= setInterval(() => this.#expireAll(), every).unref();
    }
    return topic;
  }

  #evict(): void {
    for (const topic of this.#retaining) {
      while (this.#bytes > this.#maxBytes && topic.bytes > 0) topic.drop();
      if (topic.bytes > 0) return;
      this.#retaining.delete(topic);
    }
  }

  #expireAll(): void {
    const now = Date.now();
    for (const [name, topic] of this.#topics) this.#expire(name, topic, now);
    this.#rest();
  }

  // A topic that begins again has another epoch, so no position of its earlier life fits.
  #expire(name: string, topic: Topic, now: number): void {
    topic.expire(now);
    if (topic.bytes === 0) this.#retaining.delete(topic);
    if (topic.isIdle(now, this.#idleMs)) this.#topics.delete(name);
  }

  // The timer runs while there is a topic.
  #rest(): void {
    if (this.#topics.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
