import { randomBytes } from "node:crypto";
import type {
  Broker,
  History,
  Position,
  Published,
  PublishOptions,
  Subscriber,
} from "../broker.ts";
import { parseAddress } from "./address.ts";
import { BUCKETS, Buckets } from "./buckets.ts";
import { Calls } from "./calls.ts";
import { loadRedis } from "./client.ts";
import { Feed, type FeedSource } from "./feed.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Link, type LinkListener } from "./link.ts";
import { publicationIn, signalIn, signalOf, snapshotOf } from "./messages.ts";
import { observe } from "./observe.ts";
import {
  assertRedisOptions,
  IDLE_MS,
  MAX_BYTES,
  PREFIX,
  type RedisBrokerOptions,
} from "./options.ts";
import { Publisher } from "./publisher.ts";
import { READ } from "./scripts.ts";
import { historyOf, type Snapshot } from "./snapshot.ts";
import { Subscriptions } from "./subscriptions.ts";
import { TailBudget } from "./tail.ts";
import { Unavailable } from "./unavailable.ts";

/** A position of no epoch. */
const NOWHERE: Position = { epoch: "", offset: 0 };

/**
 * The broker of many processes: topics live in Redis 7, and each process keeps the latest messages
 * of those that it is subscribed to.
 *
 * ```ts
 * const broker = new RedisBroker({ url: "redis://127.0.0.1:6379" });
 * const hub = new Hub({ broker });
 * app.lifespan(async function* () {
 *   await broker.open();
 *   yield;
 *   await broker.close();
 * });
 * ```
 *
 * A publication is one script: it appends to the topic's stream, counts the offset and publishes.
 * A process delivers in order of the offsets, and reads what is missing from the stream.
 */
export class RedisBroker implements Broker {
  readonly #feeds = new Map<string, Feed>();
  readonly #buckets: Buckets;
  readonly #link: Link;
  readonly #calls: Calls;
  readonly #subscriptions: Subscriptions;
  readonly #heartbeat: Heartbeat;
  readonly #publisher: Publisher;
  readonly #budget = new TailBudget();
  readonly #source: FeedSource;
  readonly #idleMs: number;
  readonly #node = randomBytes(9).toString("base64url");
  #closed = false;

  /**
   * Makes a broker. It connects at its first use, so importing an app opens nothing.
   *
   * @throws TypeError for an unknown option, or a value of the wrong kind
   * @throws Error when the package `redis` is not installed
   */
  constructor(options: RedisBrokerOptions) {
    assertRedisOptions(options);
    const address = parseAddress(options.url, options.ca);
    loadRedis();
    const { now, prefix = PREFIX, idleMs = IDLE_MS, maxBytes = MAX_BYTES } = options;
    this.#idleMs = idleMs;
    this.#buckets = new Buckets(prefix);
    this.#link = new Link(address, this.#commands());
    this.#calls = new Calls(this.#link, this.#buckets, now);
    this.#subscriptions = new Subscriptions(address, {
      channels: () => [...this.#feeds.keys()].map((topic) => this.#buckets.channel(topic)),
      message: (channel, message) => this.#message(channel, message),
      again: () => void this.#heartbeat.compare(),
    });
    const parts = { calls: this.#calls, buckets: this.#buckets, idleMs };
    this.#heartbeat = new Heartbeat({ ...parts, feeds: this.#feeds, now });
    this.#publisher = new Publisher({
      ...parts,
      node: this.#node,
      bucketBytes: Math.ceil(maxBytes / BUCKETS),
      position: (topic) => this.#feeds.get(topic)?.position ?? NOWHERE,
    });
    this.#source = {
      read: (topic, position, after) => this.#read(topic, position, after),
      tell: (change, topic, count) => observe(change, { topic, count }),
    };
  }

  /**
   * Connects, so that the start of a server waits for Redis, or fails.
   *
   * @param ms how long at most, in milliseconds; default 30,000
   * @throws Unavailable when Redis cannot be used by then; the reason is its `cause`
   */
  async open(ms = 30_000): Promise<void> {
    await Promise.all([this.#link.wait(ms), this.#subscriptions.wait(ms)]);
  }

  /**
   * See {@link Broker.publish}. Redis must answer within five seconds.
   *
   * @throws Unavailable when it does not; the message may be published then, and the same call with
   *   the same key publishes it once
   */
  async publish(topic: string, data: string, options: PublishOptions): Promise<Published> {
    const { published, arrived } = await this.#publisher.publish(topic, data, options);
    if (arrived) {
      this.#feeds.get(topic)?.receive(arrived);
      await this.#feeds.get(topic)?.reached(published.position);
    }
    return published;
  }

  /**
   * See {@link Broker.signal}. A process whose connection is broken just then does not get it.
   *
   * @throws Unavailable when Redis does not answer
   */
  async signal(topic: string, data: string): Promise<void> {
    const command = ["SPUBLISH", this.#buckets.channel(topic), signalOf(this.#node, data)];
    await this.#calls.once(command, data.length);
    this.#feeds.get(topic)?.signal(data);
  }

  /** See {@link Broker.subscribe}. @throws Unavailable when Redis does not answer */
  async subscribe(topic: string, subscriber: Subscriber): Promise<Position> {
    if (this.#closed) throw new Unavailable(new Error("the broker is closed"));
    const feed = this.#feeds.get(topic) ?? this.#open(topic);
    feed.subscribers.add(subscriber);
    try {
      await feed.ready;
    } catch (error) {
      feed.subscribers.delete(subscriber);
      throw error;
    }
    return feed.position;
  }

  /** See {@link Broker.unsubscribe}. */
  async unsubscribe(topic: string, subscriber: Subscriber): Promise<void> {
    const feed = this.#feeds.get(topic);
    if (!feed?.subscribers.delete(subscriber) || feed.subscribers.size > 0) return;
    await this.#drop(feed);
  }

  /** See {@link Broker.read}. @throws Unavailable when Redis is needed and does not answer */
  async read(topic: string, since?: unknown): Promise<History> {
    const feed = this.#feeds.get(topic);
    if (feed?.isLive) return feed.read(since, () => this.#heartbeat.now());
    return historyOf(await this.#read(topic, NOWHERE, undefined), since);
  }

  /** See {@link Broker.topics}. @throws Unavailable when Redis does not answer */
  async topics(): Promise<string[]> {
    const from = String(this.#heartbeat.now() + 1);
    const lists = await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) => {
        const command = ["ZRANGEBYSCORE", `${this.#buckets.tag(bucket)}:t`, from, "+inf"];
        return this.#calls.once(command, 0) as Promise<string[]>;
      }),
    );
    return [...new Set([...lists.flat(), ...this.#feeds.keys()])];
  }

  /** See {@link Broker.close}. What Redis has not answered yet is rejected with `Unavailable`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#heartbeat.stop();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    this.#link.close();
    this.#subscriptions.close();
  }

  /** Beats once, see `Heartbeat`; the broker itself does it every second. */
  async tick(): Promise<void> {
    await this.#heartbeat.beat();
  }

  #commands(): LinkListener {
    return {
      up: () => {
        this.#heartbeat.start();
        observe("state", { connection: "commands", up: true });
      },
      down: (error) => observe("state", { connection: "commands", up: false, error }),
    };
  }

  #open(topic: string): Feed {
    const feed = new Feed(topic, this.#source, this.#budget);
    this.#feeds.set(topic, feed);
    const begin = async () => {
      await this.#subscriptions.add(this.#buckets.channel(topic));
      feed.begin(await this.#read(topic, NOWHERE, undefined));
    };
    feed.ready = begin().catch((error) => {
      void this.#drop(feed);
      throw error instanceof Unavailable ? error : new Unavailable(error);
    });
    return feed;
  }

  async #drop(feed: Feed): Promise<void> {
    feed.close();
    // Another feed may have the topic, and its channel, by now.
    if (this.#feeds.get(feed.topic) !== feed) return;
    this.#feeds.delete(feed.topic);
    await this.#subscriptions.remove(this.#buckets.channel(feed.topic));
  }

  async #read(topic: string, seen: Position, after: number | undefined): Promise<Snapshot> {
    const args = [topic, seen.epoch, String(seen.offset), String(this.#idleMs)];
    const reply = await this.#calls.call({
      script: READ,
      bucket: this.#buckets.of(topic),
      args: () => [...args, after === undefined ? "" : String(after)],
      bytes: topic.length,
    });
    return snapshotOf(reply);
  }

  #message(channel: string, message: string): void {
    const feed = this.#feeds.get(this.#buckets.topicOf(channel));
    if (!feed) return;
    const signal = signalIn(message);
    if (!signal) return feed.receive(publicationIn(message));
    // This process has delivered its own signal already, with the reply.
    if (signal.node !== this.#node) feed.signal(signal.data);
  }
}
