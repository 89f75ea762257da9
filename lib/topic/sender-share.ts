import { setTimeout as pause } from "node:timers/promises";
import { CloseError } from "../close-codes.ts";
import { assertOptions, COUNT, type OptionKinds, PER_SECOND } from "../options.ts";
import { Overdraft } from "./overdraft.ts";

/** What one sender may fill of what waits for others. */
export interface ShareOptions {
  /** Bytes a second in the long run, as they are published. Default 1 MiB. */
  bytesPerSecond?: number;
  /** Bytes at once, and one message beyond that. Default 256 KiB. */
  burstBytes?: number;
}

const KINDS: OptionKinds<ShareOptions> = { bytesPerSecond: PER_SECOND, burstBytes: COUNT };

/**
 * A quarter of what may wait for a connection (`maxBufferedBytes`). With the one message that may
 * go beyond it, 384 KiB when 64 grow sixfold in JSON, that is less than two thirds of it.
 */
const BURST_BYTES = 256 * 1024;
/** Who reads 8 Mbit/s is cut off for no single sender. */
const BYTES_PER_SECOND = 1024 * 1024;
/** The longest time between two looks; a timer of Node's must not be longer than 2^31 ms. */
const LONGEST_MS = 60_000;

/** A connection that publishes. */
export interface Sender {
  /** Aborted when it has ended. */
  readonly signal: AbortSignal;
}

interface Share {
  readonly account: Overdraft;
  /** The last of its publications that waits. */
  line: Promise<unknown> | undefined;
}

/**
 * What each connection may publish at once: less than fits into another's buffer, however its texts
 * grow on the way. A publication beyond that waits, in order, and with it the handler that awaits
 * it: so its connection is read no further.
 */
export class Shares {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  readonly #shares = new WeakMap<Sender, Share>();

  /** @throws TypeError for an option that there is not, or that is no number of 0 or more */
  constructor(options: ShareOptions = {}) {
    assertOptions(options, KINDS, "the share of a Hub");
    this.#bytesPerSecond = options.bytesPerSecond ?? BYTES_PER_SECOND;
    this.#burstBytes = options.burstBytes ?? BURST_BYTES;
  }

  /**
   * Publishes something of a connection's when it is its turn.
   *
   * @throws CloseError 1008 when the connection has ended meanwhile: what it had too much is not
   *   published
   */
  take<Result>(sender: Sender, bytes: number, publish: () => Promise<Result>): Promise<Result> {
    const share = this.#shareOf(sender);
    if (!share.line && share.account.waitMs() === 0) {
      share.account.take(bytes);
      return publish();
    }
    const before = share.line;
    const turn = this.#wait(sender, share, before).then(() => {
      share.account.take(bytes);
      return publish();
    });
    share.line = turn;
    const leave = () => {
      if (share.line === turn) share.line = undefined;
    };
    turn.then(leave, leave);
    return turn;
  }

  async #wait(sender: Sender, share: Share, before: Promise<unknown> | undefined): Promise<void> {
    await before?.catch(() => {});
    for (let ms = share.account.waitMs(); ms > 0; ms = share.account.waitMs()) {
      if (sender.signal.aborted) throw new CloseError(1008, "more was published than its share");
      const time = Math.min(ms, LONGEST_MS);
      await pause(time, undefined, { signal: sender.signal, ref: false }).catch(() => {});
    }
  }

  #shareOf(sender: Sender): Share {
    const known = this.#shares.get(sender);
    if (known) return known;
    const account = new Overdraft(this.#bytesPerSecond, this.#burstBytes);
    const share = { account, line: undefined };
    this.#shares.set(sender, share);
    return share;
  }
}
