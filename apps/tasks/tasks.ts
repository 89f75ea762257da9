import { randomBytes } from "node:crypto";
import type { Connection, Hub, Position } from "../../lib/index.ts";
import type { Kind } from "./kind.ts";
import type { Outcome, TaskQueue } from "./queue.ts";
import type { Spool, Spooled } from "./spool.ts";
import { hasEnded, Task, type TaskMessage } from "./task.ts";

/** 128 bits: to know a task one must have been told of it. */
const ID_BYTES = 16;
/** How many ended tasks are remembered, and for how long. */
const KEPT_TASKS = 1_000;
const KEPT_MS = 60 * 60 * 1_000;
/** The topic of all changes. */
const ALL = "tasks";

/** What {@link Tasks} works with. */
export interface TasksParts {
  readonly queue: TaskQueue;
  readonly hub: Hub;
  readonly spool: Spool;
}

/** What a new task is. */
export interface NewTask {
  /** The name of its kind. */
  readonly name: string;
  readonly kind: Kind;
  readonly params: unknown;
  readonly input: Spooled;
  /** Tells the operator of an error that clients are not told. */
  readonly report: (error: Error) => void;
}

/** Some of the tasks. */
export interface TaskPage {
  readonly tasks: readonly TaskMessage[];
  /** Whether there are more after these. */
  readonly more: boolean;
}

/** The tasks of one process: begun, followed, cancelled, and forgotten some time after their end. */
export class Tasks {
  readonly #queue: TaskQueue;
  readonly #hub: Hub;
  readonly #spool: Spool;
  readonly #tasks = new Map<string, Task>();

  constructor({ queue, hub, spool }: TasksParts) {
    this.#queue = queue;
    this.#hub = hub;
    this.#spool = spool;
  }

  /** Whether one more task would be refused. */
  get full(): boolean {
    return this.#queue.full;
  }

  /**
   * Begins a task.
   *
   * @throws QueueFull
   */
  add({ name, kind, params, input, report }: NewTask): Task {
    this.#forget();
    const task = new Task(randomBytes(ID_BYTES).toString("base64url"), name);
    const { id } = task.state;
    const { timeLimitSeconds } = kind;
    const failed = (cause: unknown) =>
      report(new Error(`the ${name} task ${id} failed: ${reasonOf(cause)}`, { cause }));
    this.#queue.add(
      { id, kind: name, input, params, timeLimitSeconds },
      {
        progress: (done, note) => {
          task.run(done, note);
          this.#publish(task).catch(failed);
        },
        ended: (outcome) => {
          if ("cause" in outcome) failed(outcome.cause);
          this.#end(task, input, outcome).catch(failed);
        },
      },
    );
    this.#tasks.set(id, task);
    this.#publish(task).catch(failed);
    return task;
  }

  /** The task with an id. */
  get(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  /**
   * Some tasks, the newest first.
   *
   * @param limit how many at most
   * @param after the last one on the page before
   */
  list(limit: number, after?: Task): TaskPage {
    const all = [...this.#tasks.values()].reverse();
    const start = after === undefined ? 0 : all.indexOf(after) + 1;
    const tasks = all.slice(start, start + limit).map((task) => task.message);
    return { tasks, more: start + limit < all.length };
  }

  /**
   * Cancels a task, whether it waits or runs.
   *
   * @returns false when it had ended
   */
  cancel(task: Task): boolean {
    if (hasEnded(task.state)) return false;
    this.#queue.cancel(task.state.id);
    return true;
  }

  /** Takes nothing more, lets what runs go on for `ms` milliseconds, and ends the rest. */
  async stop(ms: number): Promise<void> {
    await this.#queue.stop(ms);
    await Promise.all([...this.#tasks.values()].map((task) => task.ended));
  }

  /**
   * Sends a connection the state of a task, then every change. A client that resumes gets every
   * change since the position it names, where that is still known.
   */
  async follow(task: Task, connection: Connection<unknown>, since: unknown): Promise<void> {
    let epoch = "";
    let told = 0;
    await this.#hub.join(topicOf(task), connection, {
      since,
      welcome: ({ position, publications, recovered }) => {
        epoch = position.epoch;
        const last = publications.at(-1);
        if (recovered && last) return undefined;
        told = last?.offset ?? position.offset;
        // What is retained ends at some time; the task remains as it was.
        return last
          ? withPosition(last.data, { epoch, offset: last.offset })
          : JSON.stringify(task.message);
      },
      encode: (data, publication) => {
        if (!publication || publication.offset <= told) return undefined;
        return withPosition(data, { epoch, offset: publication.offset });
      },
    });
  }

  /** Sends a connection the changes of all tasks from now on. */
  async followAll(connection: Connection<unknown>): Promise<void> {
    await this.#hub.join(ALL, connection);
  }

  async #end(task: Task, input: Spooled, outcome: Outcome): Promise<void> {
    task.end(outcome);
    try {
      // Before the news: who is told that a task has ended finds nothing of it left.
      await this.#spool.remove(input);
    } finally {
      await this.#publish(task).finally(() => task.settle());
    }
  }

  // The state of now: by the time it has its position, there may be another.
  async #publish(task: Task): Promise<void> {
    const data = JSON.stringify(task.state);
    const { position } = await this.#hub.publish(topicOf(task), data);
    task.position = position;
    await this.#hub.signal(ALL, withPosition(data, position));
  }

  // In the order in which they began, which is about that in which they end.
  #forget(now = Date.now()): void {
    for (const [id, task] of this.#tasks) {
      const old = now - (task.endedAt ?? now) > KEPT_MS;
      if (!hasEnded(task.state) || (!old && this.#tasks.size <= KEPT_TASKS)) continue;
      this.#tasks.delete(id);
    }
  }
}

// An object in JSON with one member more: parsing a long result for every follower would cost.
function withPosition(data: string, position: Position): string {
  return `${data.slice(0, -1)},"position":${JSON.stringify(position)}}`;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function topicOf(task: Task): string {
  return `task:${task.state.id}`;
}
