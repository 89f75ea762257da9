import type { Task } from "./task.ts";

/** How many ended tasks are kept, and for how long in milliseconds. */
export const KEPT_TASKS = 1_000;
export const KEPT_MS = 60 * 60 * 1_000;

/**
 * The ended tasks, in the order of their ends. Each is kept for an hour, unless there are too many,
 * or their results are too long together. The oldest are forgotten first.
 */
export class Ended {
  readonly #tasks = new Set<Task>();
  readonly #maxBytes: number;
  readonly #forget: (task: Task) => void;
  #bytes = 0;

  /**
   * @param maxBytes the bound on all tasks together
   * @param forget called for each forgotten task
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

  /** Forgets tasks that are too old or too many. */
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

// A text takes at most two bytes of memory for each UTF-16 unit.
function bytesOf(task: Task): number {
  return 2 * task.json.length;
}
