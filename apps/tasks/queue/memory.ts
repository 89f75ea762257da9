import { availableParallelism } from "node:os";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { type Job, type JobListener, type Outcome, QueueFull, type TaskQueue } from "../queue.ts";
import { type Answer, workerFile } from "../worker.ts";

/** Options of a {@link MemoryQueue}. */
export interface MemoryQueueOptions {
  /** How many jobs may wait. Default 100. */
  maxWaiting?: number;
  /** How many run at once. Default one for each core but one, which the event loop needs. */
  threads?: number;
}

const MAX_WAITING = 100;
/** Enough for the words of a large text; a worker that wants more ends, and its task fails. */
const WORKER_MEMORY_MB = 512;
/** The event loop's thread comes first. */
const WORKER_NICENESS = 10;

interface Held {
  readonly cancel: AbortController;
  readonly done: Promise<void>;
}

/** The queue of one process: a bounded wait, and worker threads. */
export class MemoryQueue implements TaskQueue {
  readonly #pool: Piscina;
  readonly #held = new Map<string, Held>();
  readonly #most: number;
  #stopping = false;

  constructor(options: MemoryQueueOptions = {}) {
    const threads = options.threads ?? Math.max(availableParallelism() - 1, 1);
    this.#most = threads + (options.maxWaiting ?? MAX_WAITING);
    this.#pool = new Piscina({
      filename: workerFile,
      name: "work",
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: 10_000,
      niceIncrement: WORKER_NICENESS,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_MEMORY_MB },
    });
  }

  get full(): boolean {
    return this.#stopping || this.#held.size >= this.#most;
  }

  add(job: Job, listener: JobListener): void {
    if (this.full)
      throw new QueueFull(`expected room for a task, but ${this.#held.size} are there`);
    const cancel = new AbortController();
    const done = this.#run(job, listener, cancel.signal).then((outcome) => {
      this.#held.delete(job.id);
      listener.ended(outcome);
    });
    this.#held.set(job.id, { cancel, done });
  }

  cancel(id: string): void {
    this.#held.get(id)?.cancel.abort();
  }

  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    const all = [...this.#held.values()];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([Promise.all(all.map(({ done }) => done)), late]);
    clearTimeout(timer);
    for (const { cancel } of this.#held.values()) cancel.abort();
    await Promise.all(all.map(({ done }) => done));
    await this.#pool.destroy();
  }

  async #run(job: Job, listener: JobListener, cancelled: AbortSignal): Promise<Outcome> {
    const { port1, port2 } = new MessageChannel();
    const limit = new AbortController();
    const signal = AbortSignal.any([cancelled, limit.signal]);
    let timer: NodeJS.Timeout | undefined;
    port1.on("message", ({ done, note }) => {
      if (signal.aborted) return;
      // The first message says that it runs: the time it waited does not count.
      timer ??= setTimeout(() => limit.abort(), job.timeLimitSeconds * 1_000);
      listener.progress(done, note);
    });
    try {
      const assignment = { job, port: port2 };
      const answer: Answer = await this.#pool.run(assignment, { signal, transferList: [port2] });
      if ("result" in answer) return { status: "succeeded", result: answer.result };
      return { status: "failed", error: answer.failure };
    } catch (cause) {
      if (cancelled.aborted) return { status: "cancelled" };
      const error = limit.signal.aborted
        ? `expected the task to end within ${job.timeLimitSeconds} s`
        : "the task's worker failed";
      return { status: "failed", error, cause };
    } finally {
      clearTimeout(timer);
      port1.close();
    }
  }
}
