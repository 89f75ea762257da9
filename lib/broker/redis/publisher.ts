import type { Position, Published, PublishOptions } from "../broker.ts";
import type { Arrived } from "./ahead.ts";
import type { Buckets } from "./buckets.ts";
import type { Calls } from "./calls.ts";
import { observe } from "./observe.ts";
import { PUBLISH } from "./scripts.ts";
import { Unavailable } from "./unavailable.ts";

/** One topic's history in bytes: a thousand messages of 4 KiB. */
const TOPIC_BYTES = 4 * 1024 * 1024;

/** What a {@link Publisher} needs of its broker. */
export interface PublisherParts {
  readonly calls: Calls;
  readonly buckets: Buckets;
  /** Names this process among those on its Redis. */
  readonly node: string;
  readonly idleMs: number;
  /** What the histories of one bucket may occupy, in bytes. */
  readonly bucketBytes: number;
  /** Where this process has seen a topic. */
  position(topic: string): Position;
}

/** What Redis answers to a publication. */
export interface PublishAnswer {
  readonly published: Published;
  /** The message as it is delivered; undefined when an earlier one had its key. */
  readonly arrived: Arrived | undefined;
}

type Reply = [
  outcome: Published["outcome"] | "unknown",
  epoch: string,
  offset: number,
  at: string | number,
  floor: number,
];

/** Publishes: each publication has a name of its own, by which a repeated call finds it. */
export class Publisher {
  readonly #parts: PublisherParts;
  #count = 0;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** @throws Unavailable when Redis does not answer: the message may or may not be published */
  async publish(topic: string, data: string, options: PublishOptions): Promise<PublishAnswer> {
    const { calls, buckets } = this.#parts;
    const startedAt = performance.now();
    const bucket = buckets.of(topic);
    const args = this.#args(topic, data, options);
    const reply = await calls.call({ script: PUBLISH, bucket, args, bytes: data.length });
    const [outcome, epoch, offset, time, floor] = reply as Reply;
    if (outcome === "unknown") throw new Unavailable(new Error("the message may be published"));
    observe("publish", { topic, ms: performance.now() - startedAt, outcome });
    const published = { outcome, position: { epoch, offset } };
    if (outcome !== "published") return { published, arrived: undefined };
    const at = Number(time);
    const entry = { offset, data, at, expiresAt: at + options.retention.ageMs };
    return { published, arrived: { epoch, entry, floor } };
  }

  // PUBLISH takes these after the common arguments. A repeated call has the position of its time.
  #args(topic: string, data: string, { key, retention }: PublishOptions) {
    const { node, idleMs, bucketBytes, position } = this.#parts;
    const nonce = `${node}${(++this.#count).toString(36)}`;
    return (sinceMs: number | undefined): string[] => {
      const { epoch, offset } = position(topic);
      return [
        ...[topic, epoch, String(offset), String(idleMs)],
        ...[data, key === undefined ? "" : `k${key}`],
        ...[String(retention.count), String(retention.ageMs)],
        ...[String(Math.min(TOPIC_BYTES, bucketBytes)), String(bucketBytes)],
        ...[nonce, sinceMs === undefined ? "" : String(sinceMs)],
      ];
    };
  }
}
