import type { Task } from "./task.ts";

/** How many ended tasks are remembered, and for how long. */
export const KEPT_TASKS = 1_000;
export const KEPT_MS = 60 * 60 * 1_000;

/**
 * The tasks that have ended, in the order in which they did: for an hour, as long as they are not
 * too many and their results together not too long. The oldest are forgotten first.
 */
export class Ended {
  readonly #tasks = new Set<Task>();
  readonly #maxBytes: number;
  readonly #forget: (task: Task) => void;
  #bytes = 0;

  /**
   * @param maxBytes what they may occupy together
   * @param forget told of each that is forgotten
   */
  constructor(maxBytes: number, forget: (task: Task) => void) {
    this.#maxBytes = maxBytes;
    this.#forget = forget;
  }

  /** Adds a task that has just ended. */
  add(task: Task): void {
    this.#tasks.add(task);
    this.#bytes += bytesOf(task);
    this.expire();
  }

  /** Forgets what need not be remembered any more. */
  expire(now = performance.now()): void {
    for (const task of this.#tasks) {
      const excess = this.#tasks.size > KEPT_TASKS || this.#bytes > this.#maxBytes;
      if (!excess && now - (task.endedAt ?? now) <= KEPT_MS) return;
      this.#tasks.delete(task);
      this.#bytes -= bytesOf(task);
      this.#forget(task);
    }
  }
}

// As memory holds a text at most: two bytes for each unit of UTF-16.
function bytesOf(task: Task): number {
  return 2 * task.json.length;
}
