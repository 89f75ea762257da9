import type { Position } from "../../lib/index.ts";
import type { Outcome } from "./queue.ts";

/** Where a task is. The last three are final. */
export type TaskStatus = "queued" | "running" | Outcome["status"];

/** What a client is told of a task, over HTTP and WebSocket alike. */
export interface TaskState {
  readonly id: string;
  readonly kind: string;
  readonly status: TaskStatus;
  /** 0 to 1. */
  readonly progress: number;
  /** What it is doing, for people. */
  readonly note?: string | undefined;
  /** Of a task that succeeded. */
  readonly result?: unknown;
  /** Why a task failed. */
  readonly error?: string | undefined;
}

/** A state with its place among the states of its task, to resume from. */
export interface TaskMessage extends TaskState {
  readonly position: Position;
}

/** Whether a task has ended. */
export function hasEnded({ status }: TaskState): boolean {
  return status !== "queued" && status !== "running";
}

/** One task: its state, and the end of it. */
export class Task {
  /** Resolves when the task has ended and its last state is published. */
  readonly ended: Promise<void>;
  /** Time of the end in milliseconds since 1970, or undefined. */
  endedAt: number | undefined;
  /** The position of its last state. */
  position: Position = { epoch: "", offset: 0 };
  #state: TaskState;
  #end: () => void = () => {};

  constructor(id: string, kind: string) {
    this.#state = { id, kind, status: "queued", progress: 0 };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The state now. */
  get state(): TaskState {
    return this.#state;
  }

  /** The state now, as clients are sent it. */
  get message(): TaskMessage {
    return { ...this.#state, position: this.position };
  }

  /** The task runs and is that far. */
  run(progress: number, note: string | undefined): void {
    this.#state = { ...this.#state, status: "running", progress: clamp(progress), note };
  }

  /** The task has ended. */
  end(outcome: Outcome, now = Date.now()): void {
    const { id, kind, progress } = this.#state;
    this.endedAt = now;
    if (outcome.status === "succeeded") {
      this.#state = { id, kind, status: "succeeded", progress: 1, result: outcome.result };
    } else if (outcome.status === "failed") {
      this.#state = { id, kind, status: "failed", progress, error: outcome.error };
    } else this.#state = { id, kind, status: "cancelled", progress };
  }

  /** Its last state is published. */
  settle(): void {
    this.#end();
  }
}

// NaN, of a division by an input's zero bytes, say, is no progress.
function clamp(progress: number): number {
  return Math.min(Math.max(progress, 0), 1) || 0;
}
