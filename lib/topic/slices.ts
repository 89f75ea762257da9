import { isDelivering } from "../connection/debts.ts";

/**
 * How long one turn of the event loop delivers, in milliseconds: half of the 10 that people do not
 * notice, because a turn may look at the clock late.
 */
const TURN_MS = 5;

/** Work that runs in slices. */
export interface Sliced {
  /**
   * Continues the work. Each call makes some progress, even when it is late.
   *
   * @param until when to stop, on the clock of {@link Slices}
   * @returns whether all is done
   */
  run(until: number): boolean;
}

/** Schedules a function for a later turn of the event loop. */
type CallFor = (turn: () => void) => unknown;

/**
 * Shares the time of each turn of the event loop between all unfinished work. While there is any,
 * the next turn is scheduled. The clock decides how much work one turn does, never whether it is
 * done.
 */
export class Slices {
  /** The time in milliseconds. */
  readonly now: () => number;
  readonly #callFor: CallFor;
  readonly #underWay = new Set<Sliced>();
  #isCalledFor = false;

  /**
   * @param now a clock, in milliseconds; default `performance.now`
   * @param callFor schedules a function for a later turn; default `setImmediate`
   */
  constructor(now = () => performance.now(), callFor: CallFor = setImmediate) {
    this.now = now;
    this.#callFor = callFor;
  }

  /** Begins work at once, or in the next turn when a delivery runs. */
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
    // Moves it behind the other work.
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
