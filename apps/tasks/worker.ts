import type { MessagePort } from "node:worker_threads";
import { type Kinds, TaskFailure } from "./kind.ts";
import { ProgressTeller } from "./progress.ts";
import type { Job } from "./queue.ts";
import { inputOf } from "./spool.ts";

/** What a worker is given: a job, and where to tell of its progress. */
export interface Assignment {
  readonly job: Job;
  readonly port: MessagePort;
}

/** What a worker gives back; a crash is a rejection of the pool. */
export type Answer = { readonly result: unknown } | { readonly failure: string };

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
  return async ({ job, port }) => {
    const teller = new ProgressTeller((progress) => port.postMessage(progress));
    const tools = { progress: teller.progress.bind(teller) };
    tools.progress(0);
    try {
      return { result: asJson(await kinds[job.kind]?.run(inputOf(job.input), job.params, tools)) };
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
function asJson(result: unknown): unknown {
  return JSON.parse(JSON.stringify(result ?? null));
}
