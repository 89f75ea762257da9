import { createHash } from "node:crypto";

/**
 * Topics are spread over so many buckets, each with a fence of its own: enough for a cluster of
 * some ten nodes to share them evenly, few enough for a heartbeat in each of them every second.
 */
export const BUCKETS = 32;

/** The version of what the scripts write; nodes of two versions do not share a prefix. */
export const SCHEMA = 1;

/** What follows the tag in the name of a channel. No prefix contains it. */
const CHANNEL = "}:c:";

/** Names the buckets of one prefix, and remembers what Redis has acknowledged in each. */
export class Buckets {
  readonly #tags: readonly string[];
  readonly #acknowledged = new Array<number>(BUCKETS).fill(0);

  /** @param prefix what all keys begin with; services that share a Redis have different ones */
  constructor(prefix: string) {
    this.#tags = Array.from({ length: BUCKETS }, (_, i) => `{${prefix}${SCHEMA}:${i}}`);
  }

  /** What the names of a bucket's keys begin with: a hash tag, so that a cluster keeps them together. */
  tag(bucket: number): string {
    return this.#tags[bucket] as string;
  }

  /** The bucket of a topic. */
  of(topic: string): number {
    return createHash("sha1").update(topic).digest().readUInt32BE(0) % BUCKETS;
  }

  /** The channel of a topic. */
  channel(topic: string): string {
    return `${this.tag(this.of(topic))}:c:${topic}`;
  }

  /** The topic of a channel. */
  topicOf(channel: string): string {
    return channel.slice(channel.indexOf(CHANNEL) + CHANNEL.length);
  }

  /** The last heartbeat that Redis has acknowledged in a bucket. */
  acknowledged(bucket: number): number {
    return this.#acknowledged[bucket] as number;
  }

  /** Notes a heartbeat. */
  acknowledge(bucket: number, heartbeat: number): void {
    this.#acknowledged[bucket] = Math.max(heartbeat, this.acknowledged(bucket));
  }
}
