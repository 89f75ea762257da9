import { setTimeout as pause } from "node:timers/promises";
import { networkOf } from "../http/capacity.ts";
import { assertOptions, COUNT, type OptionKinds, PER_SECOND as RATE } from "../options.ts";
import { Overdraft } from "./overdraft.ts";

/** How much history one address is sent: see {@link HistoryPace}. */
export interface PaceOptions {
  /** Messages a second in the long run; one of more than a KiB counts for each. Default 20,000. */
  perSecond?: number;
  /** How many at once. Default 200,000. */
  burst?: number;
}

const KINDS: OptionKinds<PaceOptions> = { perSecond: RATE, burst: COUNT };

/** Twenty whole histories of 1,000 messages: some hundredths of a core. */
const PER_SECOND = 20_000;
/** All that two hundred come back to after an interruption: behind one address there may be many. */
const BURST = 200_000;
const KIB = 1_024;
/** How many addresses are known before those that have had their rest are forgotten. */
const MANY = 1_024;
/** How many at most: the one that was sent history the longest ago goes first. */
const MOST = 16_384;

/** The longest time between two looks; a timer of Node's must not be longer than 2^31 ms. */
const LONGEST_MS = 60_000;

/** For how many messages one counts, by its length in UTF-16 units. */
export function messagesIn(length: number): number {
  return Math.max(1, Math.ceil(length / KIB));
}

/** Who is sent history. */
export interface Reader {
  readonly address: string;
  /** Aborted when there is nobody any more who waits. */
  readonly signal: AbortSignal;
}

/**
 * Paces the history that one address is sent, for a short request may ask for all of it: a token
 * bucket for each address, or IPv6 /64, that may be overdrawn by what was asked for at once. Who
 * comes next waits until that is made up for, and is never refused.
 */
export class HistoryPace {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #accounts = new Map<string, Overdraft>();

  /**
   * @param now a monotonic clock in milliseconds, default `performance.now`
   * @throws TypeError for an option that there is not, or that is no number of 0 or more
   */
  constructor(options: PaceOptions = {}, now = () => performance.now()) {
    assertOptions(options, KINDS, "the pace of a Hub");
    this.#perSecond = options.perSecond ?? PER_SECOND;
    this.#burst = options.burst ?? BURST;
    this.#now = now;
  }

  /** How many addresses are known. */
  get addresses(): number {
    return this.#accounts.size;
  }

  /** Resolves when a reader's address may be sent history, or the reader is gone. */
  async turn(reader: Reader): Promise<void> {
    for (let ms = this.waitMs(reader.address); ms > 0; ms = this.waitMs(reader.address)) {
      if (reader.signal.aborted) return;
      await pause(ms, undefined, { signal: reader.signal, ref: false }).catch(() => {});
    }
  }

  /** How long an address has to wait, in milliseconds; 0 when it may be sent history now. */
  waitMs(address: string): number {
    const ms = this.#accounts.get(networkOf(address))?.waitMs(this.#now()) ?? 0;
    return Math.min(ms, LONGEST_MS);
  }

  /**
   * Notes what an address is sent.
   *
   * @param messages how many, see {@link messagesIn}
   */
  charge(address: string, messages: number): void {
    if (messages === 0) return;
    const key = networkOf(address);
    const account = this.#accounts.get(key) ?? this.#open();
    account.take(messages, this.#now());
    // Behind the others.
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
