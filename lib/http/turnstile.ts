/**
 * Lets through what waits, in the order in which it came: so many in each turn of the event loop,
 * so that other things have their part of every turn, however much waits.
 */
export class Turnstile {
  readonly #perTurn: number;
  readonly #waiting: (() => void)[] = [];
  #isTurning = false;

  /** @param perTurn how many each turn lets through */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Runs something in a later turn. */
  queue(go: () => void): void {
    this.#waiting.push(go);
    this.#callForTurn();
  }

  readonly #turn = (): void => {
    this.#isTurning = false;
    // What a turn queues is of a later one.
    const through = this.#waiting.splice(0, this.#perTurn);
    this.#callForTurn();
    for (const go of through) go();
  };

  #callForTurn(): void {
    if (this.#isTurning || this.#waiting.length === 0) return;
    this.#isTurning = true;
    setImmediate(this.#turn);
  }
}
