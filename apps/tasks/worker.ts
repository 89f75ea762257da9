import type { MessagePort } from "node:worker_threads";
import { type Kinds, TaskFailure } from "./kind.ts";
import { ProgressTeller } from "./progress.ts";
import type { Job } from "./queue.ts";
import { inputOf } from "./spool.ts";

/** What a worker is given: a job, where to tell of its progress, and how long its result may be. */
export interface Assignment {
  readonly job: Job;
  readonly port: MessagePort;
  readonly maxResultBytes: number;
}

/** What a worker gives back, a result as JSON; a crash is a rejection of the pool. */
export type Answer = { readonly result: string } | { readonly failure: string };

/** Does one job in a worker thread. */
export type Work = (assignment: Assignment) => Promise<Answer>;

/**
 * A module of kinds. A function cannot be sent to a thread, so the server has it loaded already,
 * and each worker loads it again.
 */
export interface KindsModule {
  readonly kinds: Kinds;
  /** `workOf(kinds)` */
  readonly work: Work;
  /** `import.meta.url`: `.ts` under tsx, `.js` when built. */
  readonly url: string;
}

/** Does jobs of some kinds. */
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

// Here, where it costs the server's thread nothing, and fails this task if it cannot be.
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
