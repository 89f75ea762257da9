import type { Position, Publication, Subscriber } from "../broker.ts";

/**
 * Delivers to the subscribers of one topic in this process, one thing after the other: what a
 * subscriber publishes while it receives comes after what it receives, for all of them.
 */
export class Deliveries {
  readonly subscribers = new Set<Subscriber>();
  #queue: (() => void)[] = [];
  #delivering = false;

  /** Delivers a message to those who are subscribed now. */
  message(publication: Publication): void {
    const to = [...this.subscribers];
    this.#enqueue(() => {
      for (const subscriber of to) {
        if (this.subscribers.has(subscriber)) subscriber.message(publication);
      }
    });
  }

  /** Delivers a message without a position. */
  signal(data: string): void {
    this.#enqueue(() => {
      for (const subscriber of [...this.subscribers]) {
        if (this.subscribers.has(subscriber)) subscriber.signal(data);
      }
    });
  }

  /** Tells that positions before this one are worth nothing. */
  epoch(position: Position): void {
    this.#enqueue(() => {
      for (const subscriber of [...this.subscribers]) subscriber.epoch(position);
    });
  }

  #enqueue(task: () => void): void {
    this.#queue.push(task);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next();
    } finally {
      this.#delivering = false;
    }
  }
}
