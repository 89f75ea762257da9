import { z } from "zod";

/** The input of a task: the body of the request, as a stream. */
export interface Input {
  /** The input's length in bytes. */
  readonly bytes: number;
  /** The input's chunks. Reading them blocks only this worker. */
  stream(): AsyncIterable<Buffer>;
}

/** The tools that a task's `run` may use. */
export interface Tools {
  /**
   * Reports progress from 0 to 1, with an optional note for people. Call it as often as you like:
   * clients get the latest, ten times a second at most.
   */
  progress(done: number, note?: string): void;
}

/** A failure whose message the client gets. The messages of other errors go only to the log. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
}

/** One kind of task. `run` is called in a worker thread, so it may block. */
export interface Kind<Params = unknown> {
  /** The media types of the input, in the form of `ctx.is`. */
  readonly accepts: readonly string[];
  /** The schema of the request's query. `run` gets its result. */
  readonly params: z.ZodType<Params>;
  /** How long a task may run, in seconds. */
  readonly timeLimitSeconds: number;
  /** Does the work, and returns a result that fits JSON. */
  run(input: Input, params: Params, tools: Tools): Promise<unknown>;
}

/** The definition of a kind. Each property but `run` has a default. */
export interface KindDefinition<Params> extends Partial<Omit<Kind<Params>, "run">> {
  readonly run: Kind<Params>["run"];
}

/** Kinds of task by their names. */
export type Kinds = Readonly<Record<string, Kind>>;

/** The default time limit, in seconds: ten minutes. */
const TIME_LIMIT_SECONDS = 600;

/** The query of a request, each name once. */
export type Query = Readonly<Record<string, string>>;

/**
 * Makes a kind from one function, which takes any input and gets the query unchecked, or from a
 * definition: `export const wordcount = kind({ … })`.
 */
export function kind(run: Kind<Query>["run"]): Kind;
export function kind<Params = Query>(definition: KindDefinition<Params>): Kind;
export function kind(given: Kind["run"] | KindDefinition<unknown>): Kind {
  return {
    accepts: ["*/*"],
    params: z.record(z.string(), z.string()),
    timeLimitSeconds: TIME_LIMIT_SECONDS,
    ...(typeof given === "function" ? { run: given } : given),
  };
}
