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

/** How many sends between two looks at the clock. A look takes a tenth as long as a send. */
const LOOK_EVERY = 32;
/** How many messages may be on their way at once. One more, and all are sent now. */
const MAX_UNDER_WAY = 64;

const NOTHING: Send = () => {};

/**
 * Sends messages to many targets, in order, without blocking the event loop: sends that do not fit
 * into one turn go on in the next turns. Messages that come meanwhile join the round, so that each
 * target gets all of them in one system call. If the app sends something else to a connection
 * meanwhile, the connection is first paid what it is owed, see {@link Debts}.
 *
 * The number of messages on their way is bounded. Above the bound the fan-out sends all of them in
 * one turn, which blocks the event loop, and so slows the publishers of this process.
 */
export class FanOut<Target extends Subscription> implements Sliced {
  readonly #targets: ReadonlyMap<unknown, Target>;
  readonly #slices: typeof ofThisProcess;
  #last = new Entry(NOTHING);
  /** The last message that all targets have had. */
  #through = this.#last;
  #count = 0;
  // A live iterator of the map: it skips targets that leave, and visits targets that join. Messages
  // from before they joined are not sent to those.
  #left: Iterator<Target> | undefined;
  /** The last message when the round began: at the end of the round all targets have had it. */
  #upTo = this.#last;
  #isUrgent = false;

  /**
   * @param targets the targets; may change at any time
   * @param slices shares the time of the event loop; default that of this process
   */
  constructor(targets: ReadonlyMap<unknown, Target>, slices = ofThisProcess) {
    this.#targets = targets;
    this.#slices = slices;
  }

  /** The last message. A subscription that begins now starts after it. */
  get last(): Entry {
    return this.#last;
  }

  /**
   * Sends a message to all targets: at once, or behind earlier messages.
   *
   * @param send sends it to one target; it must not throw
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

  /** Sends all messages that are on their way now. */
  flush(): void {
    this.#isUrgent = true;
    // A delivery that runs already goes on to the end.
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

  // All targets have had these messages. The last entry stays until the next one is added.
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
