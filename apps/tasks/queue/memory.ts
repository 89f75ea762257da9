import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { Progress } from "../progress.ts";
import { type Job, type JobListener, type Outcome, QueueFull, type TaskQueue } from "../queue.ts";
import type { Answer, Assignment, KindsModule } from "../worker.ts";

/** Options of a {@link MemoryQueue}. */
export interface MemoryQueueOptions {
  /** How many jobs may wait, running uploads included. Default 100. */
  maxWaiting?: number;
  /** How many jobs run at once. Default: the number of cores less one, for the event loop. */
  threads?: number;
  /**
   * Memory of one worker, in MiB. A worker that needs more ends, and its task fails. Default 512.
   */
  workerMemoryMb?: number;
  /**
   * The longest result of a task, in bytes of JSON. A task with a longer result fails. Default 256
   * KiB.
   */
  maxResultBytes?: number;
}

const MAX_WAITING = 100;
/** Enough for the words of a large text. */
const WORKER_MEMORY_MB = 512;
/**
 * The longest result, in bytes: a quarter of the buffer for a slow client, and several times what a
 * thousand words need.
 */
export const MAX_RESULT_BYTES = 256 * 1024;
/** The event loop's thread comes first. */
const WORKER_NICENESS = 10;

const CANCELLED: Outcome = { status: "cancelled" };

interface Held {
  readonly job: Job;
  readonly listener: JobListener;
  /** Aborted with the outcome when the queue ends the job, not the worker. */
  readonly end: AbortController;
  /** Whether a worker has begun the job. */
  begun: boolean;
}

/**
 * The queue of one process: a bounded number of waiting jobs, and worker threads. Jobs wait here,
 * not in the pool: the pool starts a thread when it gets a job, but not when a thread dies while
 * jobs wait.
 */
export class MemoryQueue implements TaskQueue {
  readonly #pool: Piscina;
  readonly #threads: number;
  readonly #most: number;
  readonly #maxResultBytes: number;
  readonly #held = new Map<string, Held>();
  readonly #waiting = new Set<Held>();
  readonly #running = new Map<Held, Promise<void>>();
  #stopping = false;

  /** @param module the module that the workers load */
  constructor(module: KindsModule, options: MemoryQueueOptions = {}) {
    this.#threads = options.threads ?? Math.max(availableParallelism() - 1, 1);
    this.#most = this.#threads + (options.maxWaiting ?? MAX_WAITING);
    this.#maxResultBytes = options.maxResultBytes ?? MAX_RESULT_BYTES;
    this.#pool = new Piscina({
      filename: fileURLToPath(module.url),
      name: "work" satisfies keyof KindsModule,
      minThreads: 0,
      maxThreads: this.#threads,
      idleTimeout: 10_000,
      niceIncrement: WORKER_NICENESS,
      resourceLimits: { maxOldGenerationSizeMb: options.workerMemoryMb ?? WORKER_MEMORY_MB },
    });
    // A worker that dies with a job rejects that job. A worker that dies before it has a job is
    // reported here.
    this.#pool.on("error", (cause) => this.#failUnbegun(cause));
  }

  get free(): number {
    return this.#stopping ? 0 : this.#most - this.#held.size;
  }

  add(job: Job, listener: JobListener): void {
    if (this.free <= 0) {
      throw new QueueFull(`expected room for a task, but the queue holds ${this.#held.size}`);
    }
    const held = { job, listener, end: new AbortController(), begun: false };
    this.#held.set(job.id, held);
    this.#waiting.add(held);
    this.#next();
  }

  cancel(id: string): void {
    const held = this.#held.get(id);
    if (!held) return;
    if (this.#waiting.delete(held)) this.#end(held, CANCELLED);
    else held.end.abort(CANCELLED);
  }

  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    for (const { job } of [...this.#waiting]) this.cancel(job.id);
    const late = setTimeout(() => {
      for (const { end } of this.#running.keys()) end.abort(CANCELLED);
    }, ms);
    await Promise.all(this.#running.values());
    clearTimeout(late);
    await this.#pool.destroy();
  }

  #next(): void {
    for (const held of this.#waiting) {
      if (this.#running.size >= this.#threads) return;
      this.#waiting.delete(held);
      const done = this.#run(held).then((outcome) => {
        this.#running.delete(held);
        this.#end(held, outcome);
        this.#next();
      });
      this.#running.set(held, done);
    }
  }

  #end({ job, listener }: Held, outcome: Outcome): void {
    this.#held.delete(job.id);
    listener.ended(outcome);
  }

  async #run(held: Held): Promise<Outcome> {
    const { job, end } = held;
    const { port1, port2 } = new MessageChannel();
    port1.on("message", (progress) => tell(held, progress));
    const late = setTimeout(() => end.abort(tooSlow(job)), job.timeLimitSeconds * 1_000);
    try {
      const assignment = { job, port: port2, maxResultBytes: this.#maxResultBytes };
      const options = { signal: end.signal, transferList: [port2] };
      const answer: Answer = await this.#pool.run(assignment satisfies Assignment, options);
      // The answer comes by another channel, and may overtake earlier progress.
      tellAll(held, port1);
      if ("result" in answer) return { status: "succeeded", result: answer.result };
      return { status: "failed", error: answer.failure };
    } catch (cause) {
      return end.signal.aborted ? end.signal.reason : crashed(cause);
    } finally {
      clearTimeout(late);
      port1.close();
    }
  }

  #failUnbegun(cause: unknown): void {
    for (const { begun, end } of this.#running.keys()) if (!begun) end.abort(crashed(cause));
  }
}

function tell(held: Held, { done, note }: Progress): void {
  if (held.end.signal.aborted) return;
  held.begun = true;
  held.listener.progress(done, note);
}

function tellAll(held: Held, port: MessagePort): void {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    tell(held, next.message);
  }
}

function crashed(cause: unknown): Outcome {
  return { status: "failed", error: "the task's worker failed", cause };
}

function tooSlow({ timeLimitSeconds }: Job): Outcome {
  return { status: "failed", error: `expected the task to end within ${timeLimitSeconds} s` };
}
