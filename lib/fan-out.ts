/** What one message does for one of those it goes to. */
export type Send<Target> = (target: Target) => void;

/**
 * How long one turn of the event loop delivers, in milliseconds: half of the 10 that nobody
 * notices, for a turn may look at the clock late.
 */
const TURN_MS = 5;
/** How many are sent to between two looks at the clock, which takes a tenth as long as a send. */
const LOOK_EVERY = 32;
/** How many messages wait behind those on their way; with one more, all go out at once. */
const MAX_WAITING = 64;

interface UnderWay {
  run(until: number): boolean;
}

/** What is not through yet, of all fan-outs: they share the time of a turn. */
const underWay = new Set<UnderWay>();
let scheduled = false;

/**
 * Brings messages to many, in the order in which they came, and never holds the event loop for
 * long: what does not fit into a turn goes on in the next ones. What comes meanwhile waits, and is
 * then brought along together, so that each target gets all of it in one system call.
 *
 * What waits is bounded: where more comes than can be sent, it holds the loop, as a loop over all
 * targets would, and with it whoever publishes in this process.
 */
export class FanOut<Target> implements UnderWay {
  readonly #targets: ReadonlyMap<unknown, Target>;
  #sends: Send<Target>[] = [];
  // Of the map, live: it forgets who leaves, and comes to who joins, whom a send leaves out.
  #left: Iterator<Target> | undefined;
  #waiting: Send<Target>[] = [];

  /** @param targets to whom, as they are when it gets to them; a send must not throw */
  constructor(targets: ReadonlyMap<unknown, Target>) {
    this.#targets = targets;
  }

  /** Brings a message to all there are: at once, or behind what is on its way. */
  add(send: Send<Target>): void {
    this.#waiting.push(send);
    if (this.#waiting.length > MAX_WAITING) this.flush();
    else if (!this.#left) goOn(this, performance.now() + TURN_MS);
  }

  /** Brings all that has not got through yet, now. */
  flush(): void {
    this.run(Number.POSITIVE_INFINITY);
    underWay.delete(this);
  }

  /**
   * Goes on with it.
   *
   * @param until when to stop, on the clock of `performance.now()`
   * @returns whether all is through
   */
  run(until: number): boolean {
    while (this.#left || this.#begin()) {
      if (!this.#deliver(this.#left as Iterator<Target>, until)) return false;
      this.#left = undefined;
    }
    return true;
  }

  #begin(): boolean {
    if (this.#waiting.length === 0) return false;
    this.#sends = this.#waiting;
    this.#waiting = [];
    this.#left = this.#targets.values();
    return true;
  }

  #deliver(left: Iterator<Target>, until: number): boolean {
    for (let sent = 1; ; sent++) {
      const { done, value } = left.next();
      if (done) return true;
      for (const send of this.#sends) send(value);
      if (sent % LOOK_EVERY === 0 && performance.now() >= until) return false;
    }
  }
}

function goOn(fanOut: UnderWay, until: number): void {
  underWay.delete(fanOut);
  // Behind the others.
  if (!fanOut.run(until)) underWay.add(fanOut);
  if (underWay.size === 0 || scheduled) return;
  scheduled = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  scheduled = false;
  const until = performance.now() + TURN_MS;
  for (const fanOut of [...underWay]) {
    if (performance.now() >= until) break;
    goOn(fanOut, until);
  }
}
