import { randomBytes } from "node:crypto";
import {
  type History,
  type Position,
  type Publication,
  type PublishOptions,
  positionOf,
  type Subscriber,
} from "../broker.ts";

/** A retained message. */
export interface Entry extends Publication {
  readonly key: string | undefined;
  /** On the monotonic clock, in milliseconds. */
  readonly expiresAt: number;
}

/** Sixty-four bits: two epochs of a topic never get the same name by chance. */
const EPOCH_BYTES = 8;
interface Delivery {
  readonly entry: Entry;
  /** The subscribers from before the publication. */
  readonly to: readonly Subscriber[];
}

/**
 * The memory of an entry beside its text and its key: objects, and its slot in the map of keys.
 * Rounded up.
 */
const ENTRY_BYTES = 512;
/**
 * The memory of a topic beside its name and its entries, with one subscriber; measured, rounded up.
 */
const TOPIC_BYTES = 512;

const NOBODY: readonly Subscriber[] = [];

/**
 * The monotonic time in whole milliseconds, for durations. Setting the wall clock back does not
 * prolong anything, and rounding errors of fractions do not end a message late.
 */
export function monotonic(): number {
  return Math.floor(performance.now());
}

/** A topic of the memory broker: its subscribers, and the messages it retains. */
export class Topic {
  readonly name: string;
  readonly epoch = randomBytes(EPOCH_BYTES).toString("base64url");
  offset = 0;
  /** When the topic lost its last subscriber or message, on the monotonic clock. */
  idleSince = monotonic();
  readonly #onBytes: (more: number) => void;
  #retainedBytes = 0;
  // Each is created when first needed: there may be many empty topics.
  #subscribers = NOBODY;
  #entries: Entry[] | undefined;
  #byKey: Map<string, Entry> | undefined;
  #deliveries: Delivery[] | undefined;

  /**
   * @param onBytes called with each change in size, in bytes; the first call reports the empty
   * topic
   */
  constructor(name: string, onBytes: (more: number) => void) {
    this.name = name;
    this.#onBytes = onBytes;
    onBytes(this.#ownBytes);
  }

  /** The approximate size of the topic with its retained messages, in bytes. */
  get bytes(): number {
    return this.#ownBytes + this.#retainedBytes;
  }

  /** The position of the last message. */
  get position(): Position {
    return { epoch: this.epoch, offset: this.offset };
  }

  /** The subscribers. Each change makes a new list. */
  get subscribers(): readonly Subscriber[] {
    return this.#subscribers;
  }

  /** Whether the topic retains messages. */
  get isRetaining(): boolean {
    return this.#entries !== undefined;
  }

  /** Whether the topic has neither subscribers nor messages. */
  get isIdle(): boolean {
    return this.#subscribers.length === 0 && !this.isRetaining;
  }

  /** Adds a subscriber. */
  subscribe(subscriber: Subscriber): void {
    if (this.#subscribers.includes(subscriber)) return;
    this.#subscribers = [...this.#subscribers, subscriber];
  }

  /**
   * Removes a subscriber.
   *
   * @returns false when it was not subscribed
   */
  unsubscribe(subscriber: Subscriber): boolean {
    if (!this.#subscribers.includes(subscriber)) return false;
    const others = this.#subscribers.filter((each) => each !== subscriber);
    this.#subscribers = others.length === 0 ? NOBODY : others;
    this.idleSince = monotonic();
    return true;
  }

  /** The retained message with a key. */
  entryOf(key: string | undefined): Entry | undefined {
    return key === undefined ? undefined : this.#byKey?.get(key);
  }

  /**
   * Adds a message and drops older messages that exceed the retention or `maxBytes`.
   *
   * @param maxBytes bound on {@link bytes}
   */
  append(data: string, { key, retention }: PublishOptions, maxBytes: number): Entry {
    const expiresAt = monotonic() + retention.ageMs;
    const entry = { offset: ++this.offset, data, at: Date.now(), key, expiresAt };
    this.#entries ??= [];
    this.#entries.push(entry);
    if (key !== undefined) {
      this.#byKey ??= new Map();
      this.#byKey.set(key, entry);
    }
    this.#occupy(bytesOf(entry));
    while (this.#count > retention.count || (this.bytes > maxBytes && this.isRetaining))
      this.drop();
    return entry;
  }

  /**
   * Delivers a message to the subscribers. If a subscriber publishes meanwhile, every subscriber
   * gets that message after this one.
   */
  deliver(entry: Entry): void {
    if (this.#subscribers.length === 0) return;
    const delivery = { entry, to: this.#subscribers };
    if (this.#deliveries) {
      this.#deliveries.push(delivery);
      return;
    }
    this.#deliveries = [delivery];
    try {
      for (let next = this.#deliveries.shift(); next; next = this.#deliveries.shift()) {
        for (const subscriber of next.to) {
          if (this.#subscribers.includes(subscriber)) subscriber.message(next.entry);
        }
      }
    } finally {
      this.#deliveries = undefined;
    }
  }

  /**
   * Drops the messages that are too old.
   *
   * @param now on the monotonic clock
   */
  expire(now: number): void {
    while ((this.#entries?.[0]?.expiresAt ?? Number.POSITIVE_INFINITY) <= now) this.drop();
  }

  /** See `Broker.read`. */
  read(since: unknown): History {
    const { position } = this;
    const retained = this.#entries ?? [];
    if (since === undefined) return { position, publications: [...retained], recovered: null };
    const from = positionOf(since);
    const oldest = this.offset - retained.length;
    const known = from?.epoch === this.epoch && from.offset <= this.offset && from.offset >= oldest;
    if (!known) return { position, publications: [...retained], recovered: false };
    return { position, publications: retained.slice(from.offset - oldest), recovered: true };
  }

  /** Drops the oldest message. */
  drop(): void {
    const entry = this.#entries?.shift();
    if (!entry) return;
    this.#occupy(-bytesOf(entry));
    if (entry.key !== undefined) this.#byKey?.delete(entry.key);
    if (this.#count === 0) {
      this.#entries = undefined;
      this.#byKey = undefined;
    }
    this.idleSince = monotonic();
  }

  /** The broker has forgotten the topic. */
  end(): void {
    this.#onBytes(-this.bytes);
  }

  get #count(): number {
    return this.#entries?.length ?? 0;
  }

  get #ownBytes(): number {
    return TOPIC_BYTES + textBytes(this.name);
  }

  #occupy(more: number): void {
    this.#retainedBytes += more;
    this.#onBytes(more);
  }
}

function bytesOf({ data, key }: Entry): number {
  return ENTRY_BYTES + textBytes(data) + textBytes(key ?? "");
}

// A JavaScript string takes two bytes for each unit, or one when all are Latin-1.
function textBytes(text: string): number {
  return 2 * text.length;
}
