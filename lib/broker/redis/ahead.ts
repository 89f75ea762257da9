import type { Kept } from "./tail.ts";

/** A message as it came from Redis. */
export interface Arrived {
  readonly epoch: string;
  readonly entry: Kept;
  /** The first offset that the topic retains. */
  readonly floor: number;
}

/** How many messages may wait behind a gap; the others are read from the stream later. */
const MOST = 1_000;

/** The messages of a topic that came before one that precedes them. */
export class Ahead {
  readonly #byOffset = new Map<number, Arrived>();

  /** How many there are. */
  get size(): number {
    return this.#byOffset.size;
  }

  /** Keeps a message, if there is room. */
  add(arrived: Arrived): void {
    if (this.#byOffset.size < MOST) this.#byOffset.set(arrived.entry.offset, arrived);
  }

  /** Forgets the messages of other epochs, and those up to an offset. */
  forget(epoch: string, offset: number): void {
    for (const [each, arrived] of this.#byOffset) {
      if (each <= offset || arrived.epoch !== epoch) this.#byOffset.delete(each);
    }
  }

  /** Takes the message with an offset out. */
  take(offset: number): Arrived | undefined {
    const arrived = this.#byOffset.get(offset);
    if (arrived) this.#byOffset.delete(offset);
    return arrived;
  }

  /** Forgets all. */
  clear(): void {
    this.#byOffset.clear();
  }
}
