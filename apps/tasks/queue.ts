import type { Spooled } from "./spool.ts";

/** Work that a queue does. */
export interface Job {
  readonly id: string;
  /** The name of its kind. */
  readonly kind: string;
  readonly input: Spooled;
  /** What the kind's `params` made of the query. */
  readonly params: unknown;
  readonly timeLimitSeconds: number;
}

/** How a job ended; a result is JSON, of a length that the queue bounds. */
export type Outcome =
  | { readonly status: "succeeded"; readonly result: string }
  | { readonly status: "failed"; readonly error: string; readonly cause?: unknown }
  | { readonly status: "cancelled" };

/** What a queue tells of a job. */
export interface JobListener {
  /** It has begun, or got on: 0 to 1, with a note for people if there is one. */
  progress(done: number, note?: string): void;
  /** It has ended; nothing more is told. */
  ended(outcome: Outcome): void;
}

/** Thrown by {@link TaskQueue.add} when the queue is at its bound. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";
}

/**
 * Where tasks wait and are done, off the event loop. Another engine takes its place without a
 * change to any kind.
 */
export interface TaskQueue {
  /**
   * Adds a job.
   *
   * @throws QueueFull
   */
  add(job: Job, listener: JobListener): void;
  /** Cancels a job, whether it waits or runs; its listener is told. */
  cancel(id: string): void;
  /** How many more would be taken now. */
  readonly free: number;
  /** Takes nothing more, gives what runs `ms` milliseconds, and cancels the rest. */
  stop(ms: number): Promise<void>;
}
