import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { TaskFailure } from "./kind.ts";
import { kinds } from "./kinds/index.ts";
import type { Job } from "./queue.ts";
import { inputOf } from "./spool.ts";

/** This file, for the pool to run in its threads: `.ts` under tsx, `.js` when built. */
export const workerFile = fileURLToPath(import.meta.url);

/** How often a worker tells of its progress: ten times a second is as fast as people see. */
const TELL_EVERY_MS = 100;

/** What a worker is given: a job, and where to tell of its progress. */
export interface Assignment {
  readonly job: Job;
  readonly port: MessagePort;
}

/** What a worker gives back; a crash is a rejection of the pool. */
export type Answer = { readonly result: unknown } | { readonly failure: string };

/** Does one job in a worker thread. */
export async function work({ job, port }: Assignment): Promise<Answer> {
  let toldAt = Number.NEGATIVE_INFINITY;
  const progress = (done: number, note?: string): void => {
    const now = performance.now();
    if (now - toldAt < TELL_EVERY_MS) return;
    toldAt = now;
    port.postMessage({ done, note });
  };
  progress(0);
  try {
    const result = await kinds[job.kind]?.run(inputOf(job.input), job.params, { progress });
    return { result };
  } catch (error) {
    if (error instanceof TaskFailure) return { failure: error.message };
    throw error;
  } finally {
    port.close();
  }
}
