import type { Position } from "koa-subapps";
import type { Outcome } from "./queue.ts";

/** The status of a task. The last three are final. */
export type TaskStatus = "queued" | "running" | Outcome["status"];

/** The state of a task that clients get, over HTTP and WebSocket, without the result. */
export interface TaskState {
  readonly id: string;
  readonly kind: string;
  readonly status: TaskStatus;
  /** 0 to 1. */
  readonly progress: number;
  /** What the task is doing, for people. */
  readonly note?: string | undefined;
  /** Why a task failed. */
  readonly error?: string | undefined;
}

/** A state with its position among the states of its task. Clients resume from the position. */
export interface TaskMessage extends TaskState {
  readonly position: Position;
  /** The result of a task that succeeded. Lists of tasks have no results. */
  readonly result?: unknown;
}

/** The longest note or error, in UTF-16 units. A longer text is cut. */
const LONGEST_TEXT = 1_000;

/** Whether a task has ended. */
export function hasEnded({ status }: TaskState): boolean {
  return status !== "queued" && status !== "running";
}

/** One task: its state and its end. */
export class Task {
  /** Resolves when the task has ended and its last state is published. */
  readonly ended: Promise<void>;
  /** The visitor that owns the task, see `visitorOf`. */
  readonly visitor: string;
  /** When the task ended, in milliseconds of the monotonic clock; undefined while it has not. */
  endedAt: number | undefined;
  /** The position of the last state. */
  position: Position = { epoch: "", offset: 0 };
  #state: TaskState;
  // The last state of an ended task: the same string that was published, without a copy.
  #last: string | undefined;
  #end: () => void = () => {};

  constructor(id: string, kind: string, visitor: string) {
    this.visitor = visitor;
    this.#state = { id, kind, status: "queued", progress: 0 };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The present state. */
  get state(): TaskState {
    return this.#state;
  }

  /** The present state with the result, as JSON. */
  get json(): string {
    return this.#last ?? JSON.stringify(this.#state);
  }

  /** The present state without the result, for lists. */
  get message(): TaskMessage {
    return { ...this.#state, position: this.position };
  }

  /** The task runs and has made progress. */
  run(progress: number, note: string | undefined): void {
    const told = note === undefined ? undefined : clip(note);
    this.#state = { ...this.#state, status: "running", progress: clamp(progress), note: told };
  }

  /** The task has ended. */
  end(outcome: Outcome, now = performance.now()): void {
    const { id, kind, progress } = this.#state;
    const { status } = outcome;
    this.endedAt = now;
    if (status === "succeeded") this.#state = { id, kind, status, progress: 1 };
    else if (status === "failed") {
      this.#state = { id, kind, status, progress, error: clip(outcome.error) };
    } else this.#state = { id, kind, status, progress };
    const json = JSON.stringify(this.#state);
    this.#last = status === "succeeded" ? withMember(json, "result", outcome.result) : json;
  }

  /** The last state is published. */
  settle(): void {
    this.#end();
  }
}

// NaN, from a division by zero bytes for example, counts as 0.
function clamp(progress: number): number {
  return Math.min(Math.max(progress, 0), 1) || 0;
}

function clip(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/**
 * Adds a member to an object in JSON, without parsing a long result.
 *
 * @param json the object; not an empty one
 * @param value the member's value, as JSON
 */
export function withMember(json: string, name: string, value: string): string {
  return `${json.slice(0, -1)},"${name}":${value}}`;
}
