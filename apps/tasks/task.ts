import type { Position } from "../../lib/index.ts";
import type { Outcome } from "./queue.ts";

/** Where a task is. The last three are final. */
export type TaskStatus = "queued" | "running" | Outcome["status"];

/** What a client is told of a task, over HTTP and WebSocket alike, but for its result. */
export interface TaskState {
  readonly id: string;
  readonly kind: string;
  readonly status: TaskStatus;
  /** 0 to 1. */
  readonly progress: number;
  /** What it is doing, for people. */
  readonly note?: string | undefined;
  /** Why a task failed. */
  readonly error?: string | undefined;
}

/** A state with its place among the states of its task, to resume from. */
export interface TaskMessage extends TaskState {
  readonly position: Position;
  /** Of a task that succeeded; lists of tasks have no results. */
  readonly result?: unknown;
}

/** What a note or an error has of its text, in UTF-16 units: it is for people. */
const LONGEST_TEXT = 1_000;

/** Whether a task has ended. */
export function hasEnded({ status }: TaskState): boolean {
  return status !== "queued" && status !== "running";
}

/** One task: its state, and the end of it. */
export class Task {
  /** Resolves when the task has ended and its last state is published. */
  readonly ended: Promise<void>;
  /** Whose it is, see `visitorOf`. */
  readonly visitor: string;
  /** When it ended, in milliseconds of the monotonic clock, or undefined. */
  endedAt: number | undefined;
  /** The position of its last state. */
  position: Position = { epoch: "", offset: 0 };
  #state: TaskState;
  // Of a task that has ended: what is kept is the text that was published, and no copy of it.
  #last: string | undefined;
  #end: () => void = () => {};

  constructor(id: string, kind: string, visitor: string) {
    this.visitor = visitor;
    this.#state = { id, kind, status: "queued", progress: 0 };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The state now. */
  get state(): TaskState {
    return this.#state;
  }

  /** The state now with the result, as JSON. */
  get json(): string {
    return this.#last ?? JSON.stringify(this.#state);
  }

  /** The state now without the result, as lists have it. */
  get message(): TaskMessage {
    return { ...this.#state, position: this.position };
  }

  /** The task runs and is that far. */
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

  /** Its last state is published. */
  settle(): void {
    this.#end();
  }
}

// NaN, of a division by an input's zero bytes, say, is no progress.
function clamp(progress: number): number {
  return Math.min(Math.max(progress, 0), 1) || 0;
}

function clip(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/**
 * An object in JSON with one member more: parsing a long result to add to it would cost.
 *
 * @param json the object, which has members
 * @param value of the member, as JSON
 */
export function withMember(json: string, name: string, value: string): string {
  return `${json.slice(0, -1)},"${name}":${value}}`;
}
