import { randomBytes } from "node:crypto";
import {
  type History,
  type Position,
  type Publication,
  type PublishOptions,
  positionOf,
  type Subscriber,
} from "../broker.ts";

/** A message that is retained. */
export interface Entry extends Publication {
  readonly key: string | undefined;
  readonly expiresAt: number;
}

/** Sixty-four bits: two lives of a topic never have the same name by chance. */
const EPOCH_BYTES = 8;
interface Delivery {
  readonly entry: Entry;
  /** Those who subscribed before the message was published. */
  readonly to: readonly Subscriber[];
}

/** What an entry costs beside its text: objects, keys and a share of its topic. Rounded up. */
const ENTRY_BYTES = 512;

/** A topic of the memory broker: its subscribers, and the messages it retains. */
export class Topic {
  readonly epoch = randomBytes(EPOCH_BYTES).toString("base64url");
  readonly subscribers = new Set<Subscriber>();
  offset = 0;
  /** When the last subscriber or message went. */
  idleSince = Date.now();
  readonly #onBytes: (more: number) => void;
  #bytes = 0;
  #entries: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  readonly #deliveries: Delivery[] = [];
  #delivering = false;

  /** @param onBytes told how much more, or less, the topic occupies */
  constructor(onBytes: (more: number) => void) {
    this.#onBytes = onBytes;
  }

  /** About what the retained messages occupy. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Where the topic is. */
  get position(): Position {
    return { epoch: this.epoch, offset: this.offset };
  }

  /** Whether it has had neither subscribers nor messages for so long. */
  isIdle(now: number, idleMs: number): boolean {
    if (this.subscribers.size > 0 || this.#entries.length > 0) return false;
    return now - this.idleSince >= idleMs;
  }

  /** When the oldest message is too old. */
  get expiresAt(): number {
    return this.#entries[0]?.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  /** The retained message with a key. */
  entryOf(key: string | undefined): Entry | undefined {
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  /**
   * Adds a message; older ones go, so that no more than so many and so many bytes remain.
   *
   * @param maxBytes bound on {@link bytes}
   */
  append(data: string, { key, retention }: PublishOptions, maxBytes: number): Entry {
    const at = Date.now();
    const entry = { offset: ++this.offset, data, at, key, expiresAt: at + retention.ageMs };
    this.#entries.push(entry);
    if (key !== undefined) this.#byKey.set(key, entry);
    this.#occupy(bytesOf(entry));
    while (this.#entries.length > retention.count || this.bytes > maxBytes) this.drop();
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

  /** Drops the messages that are too old. */
  expire(now: number): void {
    while (this.expiresAt <= now) this.drop();
  }

  /** See `Broker.read`. */
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

  /** Drops the oldest message. */
  drop(): void {
    const entry = this.#entries.shift();
    if (!entry) return;
    this.#occupy(-bytesOf(entry));
    if (entry.key !== undefined) this.#byKey.delete(entry.key);
    this.idleSince = Date.now();
  }

  #occupy(more: number): void {
    this.#bytes += more;
    this.#onBytes(more);
  }
}

// A string of JavaScript has two bytes for a unit, or one where all are Latin-1.
function bytesOf(entry: Entry): number {
  return ENTRY_BYTES + 2 * entry.data.length;
}
