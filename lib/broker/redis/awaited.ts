import type { Position } from "../broker.ts";

/** How long a publication that Redis has accepted waits for its own delivery, in milliseconds. */
const MOST_MS = 5_000;

interface Waiting {
  readonly position: Position;
  readonly resolve: () => void;
  readonly timer: NodeJS.Timeout;
}

/** The publications of this process that wait for their own delivery. */
export class Awaited {
  #waiting: Waiting[] = [];

  /** Resolves when the topic has come to a position, or never will, or has not in five seconds. */
  wait(position: Position): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#settle((each) => each === position);
      }, MOST_MS);
      this.#waiting.push({ position, resolve, timer });
    });
  }

  /** The topic has come to a position. */
  reach(epoch: string, offset: number): void {
    if (this.#waiting.length === 0) return;
    this.#settle((position) => position.epoch === epoch && position.offset <= offset);
  }

  /** The topic has begun again at a position; those of other epochs never come. */
  restart({ epoch, offset }: Position): void {
    this.#settle((position) => position.epoch !== epoch || position.offset <= offset);
  }

  /** The topic is closed: no position comes any more. */
  close(): void {
    this.#settle(() => true);
  }

  #settle(isOver: (position: Position) => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if (isOver(each.position)) end(each);
      else this.#waiting.push(each);
    }
  }
}

function end({ timer, resolve }: Waiting): void {
  clearTimeout(timer);
  resolve();
}
