import { randomBytes } from "node:crypto";
import type {
  Broker,
  History,
  Position,
  Published,
  PublishOptions,
  Subscriber,
} from "../broker.ts";
import { BUCKETS, Buckets } from "./buckets.ts";
import { Calls } from "./calls.ts";
import { Feed, historyOf, type Snapshot } from "./feed.ts";
import type { LineOptions } from "./line.ts";
import { Link } from "./link.ts";
import { publicationIn, signalIn, signalOf, snapshotOf } from "./messages.ts";
import { observe } from "./observe.ts";
import { PUBLISH, READ } from "./scripts.ts";
import { Subscriptions } from "./subscriptions.ts";
import { TailBudget } from "./tail.ts";
import { Unavailable, unavailable } from "./unavailable.ts";

/** Options of a {@link RedisBroker}. */
export interface RedisBrokerOptions extends LineOptions {
  /** What all keys begin with; services that share a Redis have different ones. Default `koa-subapps`. */
  readonly prefix?: string;
  /** How long a topic without subscribers and messages is kept, in milliseconds. Default 60,000. */
  readonly idleMs?: number;
  /** What all histories may occupy in Redis, in bytes. Default 256 MiB. */
  readonly maxBytes?: number;
  /** The time in milliseconds, for tests; Redis's own by default. */
  readonly now?: () => number;
}

const PREFIX = "koa-subapps";
const IDLE_MS = 60_000;
const MAX_BYTES = 256 * 1024 * 1024;
/** One topic's history in bytes: a thousand messages of 4 KiB. */
const TOPIC_BYTES = 4 * 1024 * 1024;
const BEAT_MS = 1_000;
/** Every fifth heartbeat compares positions: pub/sub loses messages without a word. */
const COMPARE_EVERY = 5;
/** Topics in one comparison, so that a script is done within a millisecond. */
const MOST_COMPARED = 500;
/** How long a publication that Redis has accepted waits for its own delivery, in milliseconds. */
const DELIVERY_MS = 5_000;

/**
 * The broker of many processes: topics live in Redis 7, and each process keeps those it is
 * subscribed to.
 *
 * ```ts
 * const broker = new RedisBroker({ url: "redis://127.0.0.1:6379" });
 * const hub = new Hub({ broker });
 * ```
 *
 * A publication is one script: it appends to the topic's stream, counts the offset and publishes.
 * A process puts what comes in order by offset, and reads what is missing from the stream.
 */
export class RedisBroker implements Broker {
  readonly #feeds = new Map<string, Feed>();
  readonly #buckets: Buckets;
  readonly #link: Link;
  readonly #calls: Calls;
  readonly #subscriptions: Subscriptions;
  readonly #budget = new TailBudget();
  readonly #idleMs: number;
  readonly #bucketBytes: number;
  readonly #node = randomBytes(9).toString("base64url");
  readonly #given: (() => number) | undefined;
  readonly #timer: NodeJS.Timeout;
  #skew = 0;
  #publications = 0;
  #beats = 0;
  #closed = false;

  constructor(options: RedisBrokerOptions) {
    this.#buckets = new Buckets(options.prefix ?? PREFIX);
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#bucketBytes = (options.maxBytes ?? MAX_BYTES) / BUCKETS;
    this.#given = options.now;
    this.#link = new Link(options, {
      up: () => observe("state", { connection: "commands", up: true }),
      down: () => observe("state", { connection: "commands", up: false }),
    });
    this.#calls = new Calls(this.#link, this.#buckets, options.now);
    this.#subscriptions = new Subscriptions(options, {
      message: (channel, message) => this.#message(channel, message),
      again: () => void this.#beatAll(true),
    });
    this.#timer = setInterval(() => void this.tick(), BEAT_MS).unref();
  }

  /** Resolves when Redis can be used. @throws Unavailable when it cannot within so many milliseconds */
  async open(ms: number): Promise<void> {
    await Promise.all([this.#link.wait(ms), this.#subscriptions.wait(ms)]);
  }

  async publish(topic: string, data: string, options: PublishOptions): Promise<Published> {
    const startedAt = performance.now();
    const reply = (await this.#calls.call({
      script: PUBLISH,
      bucket: this.#buckets.of(topic),
      args: this.#publishing(topic, data, options),
      bytes: data.length,
    })) as [Published["outcome"] | "unknown", string, number, string | number, number];
    const [outcome, epoch, offset, at, floor] = reply;
    if (outcome === "unknown") throw new Unavailable(new Error("the message may be published"));
    observe("publish", { topic, ms: performance.now() - startedAt, outcome });
    if (outcome === "published") {
      const { ageMs } = options.retention;
      const entry = { offset, data, at: Number(at), expiresAt: Number(at) + ageMs };
      this.#feeds.get(topic)?.receive(epoch, entry, floor);
      await this.#delivered(topic, { epoch, offset });
    }
    return { outcome, position: { epoch, offset } };
  }

  async signal(topic: string, data: string): Promise<void> {
    const line = this.#link.line ?? (await this.#link.wait(DELIVERY_MS));
    await line.client
      .sPublish(this.#buckets.channel(topic), signalOf(this.#node, data))
      .catch(unavailable);
    this.#feeds.get(topic)?.signal(data);
  }

  async subscribe(topic: string, subscriber: Subscriber): Promise<Position> {
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

  async unsubscribe(topic: string, subscriber: Subscriber): Promise<void> {
    const feed = this.#feeds.get(topic);
    if (!feed?.subscribers.delete(subscriber) || feed.subscribers.size > 0) return;
    this.#drop(feed);
    await this.#subscriptions.remove(this.#buckets.channel(topic));
  }

  async read(topic: string, since?: unknown): Promise<History> {
    const feed = this.#feeds.get(topic);
    if (feed?.isLive) return feed.read(since, () => this.#now());
    return historyOf(await this.#read(topic, { epoch: "", offset: 0 }, undefined), since);
  }

  async topics(): Promise<string[]> {
    const line = this.#link.line ?? (await this.#link.wait(DELIVERY_MS));
    const lists = await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) =>
        line.client.zRangeByScore(`${this.#buckets.tag(bucket)}:t`, this.#now() + 1, "+inf"),
      ),
    );
    return [...new Set([...lists.flat(), ...this.#feeds.keys()])];
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    this.#link.close();
    this.#subscriptions.close();
  }

  /** One heartbeat in every bucket; the broker calls it every second. */
  async tick(): Promise<void> {
    if (this.#closed || !this.#link.line) return;
    observe("outstanding", { calls: this.#calls.outstanding });
    await this.#beatAll(++this.#beats % COMPARE_EVERY === 0 || this.#given !== undefined);
  }

  #publishing(topic: string, data: string, { key, retention }: PublishOptions) {
    const nonce = `${this.#node}${(++this.#publications).toString(36)}`;
    return (sinceMs: number | undefined): string[] => {
      const { epoch, offset } = this.#feeds.get(topic)?.position ?? NOWHERE;
      return [
        topic,
        epoch,
        String(offset),
        String(this.#idleMs),
        data,
        key === undefined ? "" : `k${key}`,
        String(retention.count),
        String(retention.ageMs),
        String(Math.min(TOPIC_BYTES, this.#bucketBytes)),
        String(this.#bucketBytes),
        nonce,
        sinceMs === undefined ? "" : String(sinceMs),
      ];
    };
  }

  async #delivered(topic: string, { epoch, offset }: Position): Promise<void> {
    const reached = this.#feeds.get(topic)?.reached(epoch, offset);
    if (!reached) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DELIVERY_MS);
    });
    await Promise.race([reached, late]);
    clearTimeout(timer);
  }

  #open(topic: string): Feed {
    const source = {
      read: this.#read.bind(this),
      tell: (event: "gap" | "fill" | "reset", name: string, count: number) =>
        observe(event, { topic: name, count }),
    };
    const feed = new Feed(topic, source, this.#budget);
    this.#feeds.set(topic, feed);
    const begin = async () => {
      await this.#subscriptions.add(this.#buckets.channel(topic));
      feed.begin(await this.#read(topic, NOWHERE, undefined));
    };
    feed.ready = begin().catch((error) => {
      this.#drop(feed);
      throw error instanceof Unavailable ? error : new Unavailable(error);
    });
    return feed;
  }

  #drop(feed: Feed): void {
    feed.close();
    if (this.#feeds.get(feed.topic) === feed) this.#feeds.delete(feed.topic);
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
    const feed = this.#feeds.get(this.#subscriptions.topicOf(channel));
    if (!feed) return;
    const signal = signalIn(message);
    if (signal) {
      // Its own it has told already, with the reply.
      if (signal.node !== this.#node) feed.signal(signal.data);
      return;
    }
    const { epoch, entry, floor } = publicationIn(message);
    feed.receive(epoch, entry, floor);
  }

  async #beatAll(compares: boolean): Promise<void> {
    const topics: string[][] = Array.from({ length: BUCKETS }, () => []);
    if (compares) for (const name of this.#feeds.keys()) topics[this.#buckets.of(name)]?.push(name);
    const beats = topics.map((names, bucket) => this.#beat(bucket, names));
    await Promise.all(beats).catch(() => {
      // Redis is away; the next heartbeat tries again.
    });
  }

  async #beat(bucket: number, names: readonly string[]): Promise<void> {
    for (let at = 0; at === 0 || at < names.length; at += MOST_COMPARED) {
      const some = names.slice(at, at + MOST_COMPARED);
      const [now, ...found] = await this.#calls.beat(bucket, this.#idleMs, some);
      this.#skew = Number(now) - performance.now();
      some.forEach((name, i) => {
        this.#feeds.get(name)?.compare(String(found[2 * i]), Number(found[2 * i + 1]));
      });
    }
  }

  // Redis's clock as this process knows it: no jump of its own clock moves it.
  #now(): number {
    if (this.#given) return this.#given();
    return this.#skew === 0 ? Date.now() : performance.now() + this.#skew;
  }
}

const NOWHERE: Position = { epoch: "", offset: 0 };
