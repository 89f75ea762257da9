import {
  bringAll,
  deliveryBegins,
  deliveryEnds,
  Entry,
  isDelivering,
  type Send,
  type Subscription,
  underWayBegins,
  underWayEnds,
} from "../connection/debts.ts";
import { slices as ofThisProcess, type Sliced } from "./slices.ts";

/** How many are gone to between two looks at the clock, which takes a tenth as long as a send. */
const LOOK_EVERY = 32;
/** How many messages are on their way at once; with one more, all go out now. */
const MAX_UNDER_WAY = 64;

const NOTHING: Send = () => {};

/**
 * Brings messages to many, in the order in which they came, and never holds the event loop for
 * long: what does not fit into a turn goes on in the next ones. What comes meanwhile is brought
 * along, so that each gets all of it in one system call. Nobody has to wait for that: a connection
 * that does something else is paid first, see {@link Debts}.
 *
 * What is under way is bounded: where more comes than can be sent, it holds the loop, as a loop
 * over all targets would, and with it whoever publishes in this process.
 */
export class FanOut<Target extends Subscription> implements Sliced {
  readonly #targets: ReadonlyMap<unknown, Target>;
  readonly #slices: typeof ofThisProcess;
  #last = new Entry(NOTHING);
  /** The last message that all have had. */
  #through = this.#last;
  #count = 0;
  // Of the map, live: it forgets who leaves, and comes to who joins, for whom nothing is.
  #left: Iterator<Target> | undefined;
  /** The last message when it set out: what all have had when it is back. */
  #upTo = this.#last;
  #isUrgent = false;

  /**
   * @param targets to whom, as they are when it gets to them
   * @param slices what calls for its turns
   */
  constructor(targets: ReadonlyMap<unknown, Target>, slices = ofThisProcess) {
    this.#targets = targets;
    this.#slices = slices;
  }

  /** The last message: a subscription that begins now has had it. */
  get last(): Entry {
    return this.#last;
  }

  /**
   * Brings a message to all there are: at once, or behind what is on its way.
   *
   * @param send brings it to one; it must not throw
   */
  add(send: (target: Target) => void): void {
    const isIdle = this.#through === this.#last;
    const entry = new Entry(send as Send);
    this.#last.next = entry;
    this.#last = entry;
    if (isIdle) underWayBegins();
    if (++this.#count > MAX_UNDER_WAY) this.flush();
    else if (isIdle) this.#slices.begin(this);
  }

  /** Brings all that has not got through yet, now. */
  flush(): void {
    this.#isUrgent = true;
    // What runs already goes on to the end.
    if (!isDelivering()) this.run(0);
  }

  /** See {@link Sliced}. */
  run(until: number): boolean {
    deliveryBegins();
    try {
      return this.#run(until);
    } finally {
      deliveryEnds();
    }
  }

  #run(until: number): boolean {
    while (this.#through !== this.#last) {
      this.#left ??= this.#setOut();
      if (!this.#goOn(this.#left, until)) return false;
      this.#left = undefined;
      this.#comeBack();
    }
    return true;
  }

  #setOut(): Iterator<Target> {
    this.#upTo = this.#last;
    return this.#targets.values();
  }

  #goOn(left: Iterator<Target>, until: number): boolean {
    for (let gone = 1; ; gone++) {
      const { done, value } = left.next();
      if (done) return true;
      bringAll(value);
      if (gone % LOOK_EVERY === 0 && !this.#isUrgent && this.#slices.now() >= until) return false;
    }
  }

  // Nobody needs these messages any more, but the last one is held until the next one comes.
  #comeBack(): void {
    while (this.#through !== this.#upTo) {
      this.#through = this.#through.next as Entry;
      this.#through.send = NOTHING;
      this.#count--;
    }
    if (this.#through !== this.#last) return;
    this.#isUrgent = false;
    underWayEnds();
  }
}
