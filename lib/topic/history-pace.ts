import { setTimeout as pause } from "node:timers/promises";
import { networkOf } from "../http/capacity.ts";
import { assertOptions, COUNT, type OptionKinds, PER_SECOND as RATE } from "../options.ts";
import { Overdraft } from "./overdraft.ts";

/** How much history one address may read, see {@link HistoryPace}. */
export interface PaceOptions {
  /** Messages a second in the long run; a long message counts one for each KiB. Default 20,000. */
  perSecond?: number;
  /** Messages at once. Default 200,000. */
  burst?: number;
}

const KINDS: OptionKinds<PaceOptions> = { perSecond: RATE, burst: COUNT };

/** Twenty whole histories of 1,000 messages a second take some hundredths of a core. */
const PER_SECOND = 20_000;
/**
 * The whole history for two hundred clients that return at once: one address may stand for many
 * clients.
 */
const BURST = 200_000;
const KIB = 1_024;
/** How many addresses are kept before those with a full bucket are dropped. */
const MANY = 1_024;
/** How many addresses are kept at most. The least recently charged is dropped first. */
const MOST = 16_384;

/** The longest wait between two checks. Node's timers must be shorter than 2^31 ms. */
const LONGEST_MS = 60_000;

/** How many messages a message counts for, by its length in UTF-16 units. */
export function messagesIn(length: number): number {
  return Math.max(1, Math.ceil(length / KIB));
}

/** The connection that reads history. */
export interface Reader {
  readonly address: string;
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal;
}

/**
 * Limits how fast one address reads history, because a short request can ask for all of it. Each
 * address, or IPv6 /64, has a token bucket. One request may overdraw it; the next request then
 * waits until the bucket has recovered. No request is refused.
 */
export class HistoryPace {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #accounts = new Map<string, Overdraft>();

  /**
   * @param now a monotonic clock in milliseconds, default `performance.now`
   * @throws TypeError for an unknown option, or a value that is not a number of 0 or more
   */
  constructor(options: PaceOptions = {}, now = () => performance.now()) {
    assertOptions(options, KINDS, "the pace of a Hub");
    this.#perSecond = options.perSecond ?? PER_SECOND;
    this.#burst = options.burst ?? BURST;
    this.#now = now;
  }

  /** How many addresses are kept. */
  get addresses(): number {
    return this.#accounts.size;
  }

  /**
   * Resolves when a reader's address may read history, or when the reader's connection has ended.
   */
  async turn(reader: Reader): Promise<void> {
    for (let ms = this.waitMs(reader.address); ms > 0; ms = this.waitMs(reader.address)) {
      if (reader.signal.aborted) return;
      await pause(ms, undefined, { signal: reader.signal, ref: false }).catch(() => {});
    }
  }

  /** How long an address has to wait, in milliseconds; 0 when it may read history now. */
  waitMs(address: string): number {
    const ms = this.#accounts.get(networkOf(address))?.waitMs(this.#now()) ?? 0;
    return Math.min(ms, LONGEST_MS);
  }

  /**
   * Charges an address for history.
   *
   * @param messages how many, see {@link messagesIn}
   */
  charge(address: string, messages: number): void {
    if (messages === 0) return;
    const key = networkOf(address);
    const account = this.#accounts.get(key) ?? this.#open();
    account.take(messages, this.#now());
    // Moves it to the end of the map, as the most recent.
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
  }

  #open(): Overdraft {
    if (this.#accounts.size >= MANY) this.#forget();
    return new Overdraft(this.#perSecond, this.#burst, this.#now());
  }

  #forget(): void {
    for (const [key, account] of this.#accounts) {
      if (!account.isFull(this.#now()) && this.#accounts.size < MOST) return;
      this.#accounts.delete(key);
    }
  }
}
