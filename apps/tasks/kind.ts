import type { z } from "zod";

/** The input of a task: the body of the request, as a stream. */
export interface Input {
  /** Its length in bytes. */
  readonly bytes: number;
  /** Its chunks; reading them moves nothing but this worker. */
  stream(): AsyncIterable<Buffer>;
}

/** What a task's work may use. */
export interface Tools {
  /**
   * Tells how far the work is, 0 to 1, with a note for people if there is one. Call it as often as
   * you like: the latest is told, ten times a second at most.
   */
  progress(done: number, note?: string): void;
}

/** A failure whose message is meant for the client; any other error's stays in the log. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
}

/** One kind of task. Its `run` is called in a worker thread, so it may compute as it likes. */
export interface Kind<Params = unknown> {
  /** The media types of its input, as `ctx.is` takes them. */
  readonly accepts: readonly string[];
  /** What the query of the request must be; its result is what `run` gets. */
  readonly params: z.ZodType<Params>;
  /** How long it may run, in seconds. */
  readonly timeLimitSeconds: number;
  /** Does the work, and returns a result that JSON can carry. */
  run(input: Input, params: Params, tools: Tools): Promise<unknown>;
}

/** Kinds of task by their names. */
export type Kinds = Readonly<Record<string, Kind>>;

/** Gives a kind its types: `export const wordcount = kind({ … })`. */
export function kind<Params>(definition: Kind<Params>): Kind {
  return definition as Kind;
}
