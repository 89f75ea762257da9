import type { Spooled } from "./spool.ts";

/** A job in a queue. */
export interface Job {
  readonly id: string;
  /** The name of the job's kind. */
  readonly kind: string;
  readonly input: Spooled;
  /** The query, as parsed by the kind's `params`. */
  readonly params: unknown;
  readonly timeLimitSeconds: number;
}

/** How a job ended. A result is JSON, and the queue bounds its length. */
export type Outcome =
  | { readonly status: "succeeded"; readonly result: string }
  | { readonly status: "failed"; readonly error: string; readonly cause?: unknown }
  | { readonly status: "cancelled" };

/** A queue calls these methods for a job. */
export interface JobListener {
  /** The job has begun, or has made progress: 0 to 1, with an optional note for people. */
  progress(done: number, note?: string): void;
  /** The job has ended. The queue calls nothing more. */
  ended(outcome: Outcome): void;
}

/** Thrown by {@link TaskQueue.add} when the queue is at its bound. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";
}

/**
 * Holds waiting jobs and runs them off the event loop. Another engine can replace it without a
 * change to any kind.
 */
export interface TaskQueue {
  /**
   * Adds a job.
   *
   * @throws QueueFull
   */
  add(job: Job, listener: JobListener): void;
  /** Cancels a waiting or running job; calls its listener. */
  cancel(id: string): void;
  /** How many more jobs the queue would take now. */
  readonly free: number;
  /** Takes no more jobs, gives running jobs `ms` milliseconds, and cancels the rest. */
  stop(ms: number): Promise<void>;
}
