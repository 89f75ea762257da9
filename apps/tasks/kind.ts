import { z } from "zod";

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

/** A kind as it is written: what it leaves out has a default. */
export interface KindDefinition<Params> extends Partial<Omit<Kind<Params>, "run">> {
  readonly run: Kind<Params>["run"];
}

/** Kinds of task by their names. */
export type Kinds = Readonly<Record<string, Kind>>;

/** Minutes, where nobody has thought of more. */
const TIME_LIMIT_SECONDS = 600;

/** The query of a request, each name once. */
export type Query = Readonly<Record<string, string>>;

/**
 * Makes a kind: of one function, which takes any input and gets the query as it is, or of a
 * definition that asks for more: `export const wordcount = kind({ … })`.
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
