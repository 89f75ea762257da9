import { setTimeout as pause } from "node:timers/promises";
import { CloseError } from "../close-codes.ts";
import { assertOptions, COUNT, type OptionKinds, PER_SECOND } from "../options.ts";
import { Overdraft } from "./overdraft.ts";

/** How much one connection may publish. */
export interface ShareOptions {
  /** Published bytes a second in the long run. Default 1 MiB. */
  bytesPerSecond?: number;
  /** Published bytes at once; one message may exceed them. Default 256 KiB. */
  burstBytes?: number;
}

const KINDS: OptionKinds<ShareOptions> = { bytesPerSecond: PER_SECOND, burstBytes: COUNT };

/**
 * A quarter of the default `maxBufferedBytes`. One message may exceed it: 64 KiB that grow sixfold
 * in JSON are 384 KiB. Together they are less than two thirds of `maxBufferedBytes`.
 */
const BURST_BYTES = 256 * 1024;
/** A single sender cannot get a client cut off that reads 8 Mbit/s. */
const BYTES_PER_SECOND = 1024 * 1024;
/** The longest wait between two checks. Node's timers must be shorter than 2^31 ms. */
const LONGEST_MS = 60_000;

/** A connection that publishes. */
export interface Sender {
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal;
}

interface Share {
  readonly account: Overdraft;
  /** The last waiting publication. */
  line: Promise<unknown> | undefined;
}

/**
 * Limits what each connection publishes to less than another client's buffer holds, even if the
 * texts grow in JSON. A publication above the limit waits, in order. So does the handler that
 * awaits it, and the server stops reading from that connection.
 */
export class Shares {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  readonly #shares = new WeakMap<Sender, Share>();

  /** @throws TypeError for an unknown option, or a value that is not a number of 0 or more */
  constructor(options: ShareOptions = {}) {
    assertOptions(options, KINDS, "the share of a Hub");
    this.#bytesPerSecond = options.bytesPerSecond ?? BYTES_PER_SECOND;
    this.#burstBytes = options.burstBytes ?? BURST_BYTES;
  }

  /**
   * Publishes for a connection as soon as its share allows.
   *
   * @throws CloseError 1008 when the connection has ended meanwhile; the waiting publication is
   *   dropped
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
