import type { Frame } from "./frame.ts";

/**
 * Where a connection keeps its {@link Debts}. A symbol, so that it cannot clash with a name of the
 * public interface.
 */
export const DEBTS = Symbol("debts");

/** The method of a connection that writes a message without paying debts first. */
export const DELIVER = Symbol("deliver");

/**
 * The method of a connection that writes messages that were held back. It does not cut the client
 * off for them.
 */
export const DELIVER_HELD = Symbol("deliver held");

/** The part of a connection that its debts use. */
export interface Indebted {
  [DEBTS]: Debts | undefined;
}

/** Sends a message to one of its subscriptions. */
export type Send = (to: Subscription) => void;

/**
 * The number of the last message. All topics share the count, so that all messages have one order.
 */
let latest = 0;

/** A message to many subscriptions, linked to the next message for the same subscriptions. */
export class Entry {
  readonly number = ++latest;
  send: Send;
  next: Entry | undefined = undefined;

  constructor(send: Send) {
    this.send = send;
  }
}

/** How many fan-outs are unfinished. While it is 0, no connection is owed a message. */
let underWay = 0;
/**
 * How deeply nested the running deliveries are. A publication inside one must not begin another.
 */
let depth = 0;
/** The connection that the running fan-out sends to now. */
let visited: Debts | undefined;
/** Sends that wait until the running delivery to their connection has finished. */
let behind: (() => void)[] = [];

/** A fan-out has begun: some subscriptions have not had its messages yet. */
export function underWayBegins(): void {
  underWay++;
}

/** A fan-out has finished: every subscription has had its messages. */
export function underWayEnds(): void {
  underWay--;
}

/** Whether a delivery runs now, further up the stack. */
export function isDelivering(): boolean {
  return depth > 0;
}

/** A delivery begins, see {@link bringAll}. */
export function deliveryBegins(): void {
  depth++;
}

/** A delivery has finished this slice, or has failed. */
export function deliveryEnds(): void {
  depth--;
  visited = undefined;
}

/**
 * Sends a subscription the messages that it has not had. Its connection first gets older messages
 * of its other subscriptions.
 */
export function bringAll(subscription: Subscription): void {
  if (underWay > 1) subscription.debts.pay();
  else {
    visited = subscription.debts;
    for (let next = subscription.had.next; next; next = subscription.had.next)
      subscription.bring(next);
    visited = undefined;
  }
  if (behind.length > 0) sendBehind();
}

function sendBehind(): void {
  const all = behind;
  behind = [];
  for (const send of all) send();
}

/** One connection's place among the messages of one topic, or among the broadcasts. */
export class Subscription {
  readonly debts: Debts;
  /** The last message that it has had, or that came before it subscribed. */
  had: Entry;

  /**
   * Subscribes a connection.
   *
   * @param had the last message before the subscription
   */
  constructor(connection: Indebted, had: Entry) {
    connection[DEBTS] ??= new Debts();
    this.debts = connection[DEBTS];
    this.had = had;
    this.debts.add(this);
  }

  /** Sends it the next message. */
  bring(entry: Entry): void {
    // Set first: `send` may ask what this connection is owed.
    this.had = entry;
    entry.send(this);
  }

  /** Writes the messages that it holds back, before a close. */
  writeOut(): void {}

  /** Ends the subscription. */
  end(): void {
    this.debts.delete(this);
  }
}

/**
 * The messages that one connection is owed. A publication resolves before the fan-out has reached
 * every connection. If the app then sends to such a connection, closes it, or takes it out of a
 * topic, the connection first gets the messages that it is owed, in the order of their publication.
 */
export class Debts {
  // An array: most connections have two subscriptions, one topic and the broadcasts.
  readonly #subscriptions: Subscription[] = [];
  #isPaying = false;

  /** Whether older messages must be sent before a new one. */
  get owing(): boolean {
    if (underWay === 0) return false;
    return this.#isBeingDelivered || this.#oldest() !== undefined;
  }

  /** Adds a subscription. */
  add(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
  }

  /** Removes a subscription, and the messages that it is owed. */
  delete(subscription: Subscription): void {
    const at = this.#subscriptions.indexOf(subscription);
    if (at >= 0) this.#subscriptions.splice(at, 1);
  }

  /**
   * Sends the connection all the messages that it is owed.
   *
   * @returns false when a delivery to it runs already, further up the stack
   */
  pay(): boolean {
    if (underWay === 0) return true;
    if (this.#isBeingDelivered) return false;
    this.#isPaying = true;
    depth++;
    try {
      for (let next = this.#oldest(); next; next = this.#oldest())
        next.bring(next.had.next as Entry);
    } finally {
      this.#isPaying = false;
      depth--;
    }
    if (depth === 0 && behind.length > 0) sendBehind();
    return true;
  }

  /**
   * Pays, and writes the messages that its subscriptions hold back, so that they go before a close.
   */
  settle(): void {
    this.pay();
    for (const subscription of this.#subscriptions) subscription.writeOut();
  }

  /**
   * Sends a frame after the running delivery to the connection.
   *
   * @param frame the message
   * @param send sends it
   */
  later(frame: Frame, send: (frame: Frame) => Promise<boolean>): Promise<boolean> {
    frame.keep();
    return new Promise((resolve) => {
      behind.push(() => resolve(send(frame)));
    });
  }

  get #isBeingDelivered(): boolean {
    return this.#isPaying || visited === this;
  }

  /** The subscription whose next message is the oldest. */
  #oldest(): Subscription | undefined {
    let oldest: Subscription | undefined;
    let number = Number.POSITIVE_INFINITY;
    for (const subscription of this.#subscriptions) {
      const { next } = subscription.had;
      if (!next || next.number >= number) continue;
      oldest = subscription;
      number = next.number;
    }
    return oldest;
  }
}
