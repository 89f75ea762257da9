import { isDelivering } from "../connection/debts.ts";

/**
 * How long one turn of the event loop delivers, in milliseconds: half of the 10 that nobody
 * notices, for a turn may look at the clock late.
 */
const TURN_MS = 5;

/** Work that is done a slice at a time. */
export interface Sliced {
  /**
   * Goes on with it. Each call gets on, however late it is.
   *
   * @param until when to stop, on the clock of its {@link Slices}
   * @returns whether all is done
   */
  run(until: number): boolean;
}

/** Runs something in a later turn of the event loop. */
type CallFor = (turn: () => void) => unknown;

/**
 * Shares the time of each turn of the event loop between all that is under way. While anything is,
 * a turn is called for: the clock decides how much of it is done in one, never whether it is done.
 */
export class Slices {
  /** The time in milliseconds. */
  readonly now: () => number;
  readonly #callFor: CallFor;
  readonly #underWay = new Set<Sliced>();
  #isCalledFor = false;

  /**
   * @param now a clock, in milliseconds; default `performance.now`
   * @param callFor runs something in a later turn; default `setImmediate`
   */
  constructor(now = () => performance.now(), callFor: CallFor = setImmediate) {
    this.now = now;
    this.#callFor = callFor;
  }

  /** Begins work: at once, unless a delivery has asked for it, or behind what is under way. */
  begin(work: Sliced): void {
    this.#underWay.add(work);
    try {
      if (!isDelivering()) this.#goOn(work, this.now() + TURN_MS);
    } finally {
      this.#callForTurn();
    }
  }

  #turn(): void {
    this.#isCalledFor = false;
    const until = this.now() + TURN_MS;
    try {
      for (const work of [...this.#underWay]) {
        this.#goOn(work, until);
        if (this.now() >= until) break;
      }
    } finally {
      this.#callForTurn();
    }
  }

  #goOn(work: Sliced, until: number): void {
    // Behind the others.
    this.#underWay.delete(work);
    this.#underWay.add(work);
    if (work.run(until)) this.#underWay.delete(work);
  }

  #callForTurn(): void {
    if (this.#underWay.size === 0 || this.#isCalledFor) return;
    this.#isCalledFor = true;
    this.#callFor(() => this.#turn());
  }
}

/** The slices of this process. */
export const slices = new Slices();
