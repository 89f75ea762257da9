import type { Frame } from "./frame.ts";

/** Where a connection keeps its {@link Debts}: a symbol, for a connection's names are its users'. */
export const DEBTS = Symbol("debts");

/** The method of a connection that writes a message of its debts, and so pays none before it. */
export const DELIVER = Symbol("deliver");

/**
 * The method of a connection that writes messages that were held back, and does not cut it off for
 * them.
 */
export const DELIVER_HELD = Symbol("deliver held");

/** A connection, as its debts know it. */
export interface Indebted {
  [DEBTS]: Debts | undefined;
}

/** Brings a message to one of those that it is for. */
export type Send = (to: Subscription) => void;

/** The number of the last message: they are counted over all topics, so that all have one order. */
let latest = 0;

/** A message to many, with the one that follows it to the same. */
export class Entry {
  readonly number = ++latest;
  send: Send;
  next: Entry | undefined = undefined;

  constructor(send: Send) {
    this.send = send;
  }
}

/** How many fan-outs have messages that not all have had: while it is 0, nobody is owed anything. */
let underWay = 0;
/** How deep in deliveries this process is: what is published there must not begin another one. */
let depth = 0;
/** Whose turn it is in the fan-out that runs now. */
let visited: Debts | undefined;
/** What is to be sent to a connection that is being delivered to, behind that. */
let behind: (() => void)[] = [];

/** A fan-out has messages that not all have had. */
export function underWayBegins(): void {
  underWay++;
}

/** A fan-out has no such messages any more. */
export function underWayEnds(): void {
  underWay--;
}

/** Whether something is being delivered now, further up the stack. */
export function isDelivering(): boolean {
  return depth > 0;
}

/** A fan-out begins to deliver, see {@link bringAll}. */
export function deliveryBegins(): void {
  depth++;
}

/** It has delivered for this time, or failed. */
export function deliveryEnds(): void {
  depth--;
  visited = undefined;
}

/** Brings a subscription what it has not had, and its connection what was published before that. */
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

/** What a connection gets of one topic, or of what goes to everybody. */
export class Subscription {
  readonly debts: Debts;
  /** The last message that it has had, or that was not for it any more. */
  had: Entry;

  /**
   * Subscribes a connection.
   *
   * @param had the last message that is not for it
   */
  constructor(connection: Indebted, had: Entry) {
    connection[DEBTS] ??= new Debts();
    this.debts = connection[DEBTS];
    this.had = had;
    this.debts.add(this);
  }

  /** Brings it the next message. */
  bring(entry: Entry): void {
    // First, for what is sent of it may ask what is owed.
    this.had = entry;
    entry.send(this);
  }

  /** Writes what it holds back, so that a close may follow. */
  writeOut(): void {}

  /** Ends the subscription. */
  end(): void {
    this.debts.delete(this);
  }
}

/**
 * What one connection is owed: a message to many is on its way when its publication has resolved,
 * and what is asked for after that (a send, a close, a leave) comes after it. The fan-out would
 * reach the connection later: so the connection is paid first, alone, and in the order in which all
 * of it was published.
 */
export class Debts {
  // A list: most connections are in one topic, and in what goes to everybody.
  readonly #subscriptions: Subscription[] = [];
  #isPaying = false;

  /** Whether something has to go before what is to be sent now. */
  get owing(): boolean {
    if (underWay === 0) return false;
    return this.#isBeingDelivered || this.#oldest() !== undefined;
  }

  /** Adds a subscription. */
  add(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
  }

  /** Takes a subscription out, with what is owed of it. */
  delete(subscription: Subscription): void {
    const at = this.#subscriptions.indexOf(subscription);
    if (at >= 0) this.#subscriptions.splice(at, 1);
  }

  /**
   * Brings the connection all that it is owed.
   *
   * @returns false when that is being done already, further up the stack
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

  /** Pays, and writes what its subscriptions hold back: nothing of it comes after a close. */
  settle(): void {
    this.pay();
    for (const subscription of this.#subscriptions) subscription.writeOut();
  }

  /**
   * Sends something behind what is being delivered to the connection now.
   *
   * @param frame what is sent
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
