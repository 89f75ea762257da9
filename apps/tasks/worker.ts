import type { MessagePort } from "node:worker_threads";
import { type Kinds, TaskFailure } from "./kind.ts";
import { ProgressTeller } from "./progress.ts";
import type { Job } from "./queue.ts";
import { inputOf } from "./spool.ts";

/** A worker's input: a job, a port for its progress, and the longest result. */
export interface Assignment {
  readonly job: Job;
  readonly port: MessagePort;
  readonly maxResultBytes: number;
}

/** A worker's answer, with the result as JSON. When a worker crashes, the pool rejects. */
export type Answer = { readonly result: string } | { readonly failure: string };

/** Does one job in a worker thread. */
export type Work = (assignment: Assignment) => Promise<Answer>;

/**
 * A module of kinds. A function cannot be sent to a thread, so the server loads the module, and
 * each worker loads it again.
 */
export interface KindsModule {
  readonly kinds: Kinds;
  /** `workOf(kinds)` */
  readonly work: Work;
  /** `import.meta.url`: `.ts` under tsx, `.js` when built. */
  readonly url: string;
}

/** Makes the function that does jobs of these kinds. */
export function workOf(kinds: Kinds): Work {
  return async ({ job, port, maxResultBytes }) => {
    const teller = new ProgressTeller((progress) => port.postMessage(progress));
    const tools = { progress: teller.progress.bind(teller) };
    tools.progress(0);
    try {
      const result = await kinds[job.kind]?.run(inputOf(job.input), job.params, tools);
      return { result: asJson(result, maxResultBytes) };
    } catch (error) {
      if (error instanceof TaskFailure) return { failure: error.message };
      throw error;
    } finally {
      teller.stop();
      port.close();
    }
  };
}

// In the worker, so that it costs the server's thread no time, and an error fails only this task.
function asJson(result: unknown, maxBytes: number): string {
  const json: string | undefined = JSON.stringify(result ?? null);
  if (json === undefined)
    throw new TypeError(`expected a result for JSON, but got a ${typeof result}`);
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxBytes) return json;
  throw new TaskFailure(
    `expected a result of at most ${maxBytes} bytes, but it has ${bytes}; ask for less of it`,
  );
}
