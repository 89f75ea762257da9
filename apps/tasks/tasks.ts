import { randomBytes } from "node:crypto";
import type { Connection, Hub } from "../../lib/index.ts";
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
  add(name: string, kind: Kind, params: unknown, input: Spooled): Task {
    this.#forget();
    const task = new Task(randomBytes(ID_BYTES).toString("base64url"), name);
    const { id } = task.state;
    const { timeLimitSeconds } = kind;
    this.#queue.add(
      { id, kind: name, input, params, timeLimitSeconds },
      {
        progress: (done, note) => {
          task.run(done, note);
          void this.#publish(task);
        },
        ended: (outcome) => void this.#end(task, input, outcome),
      },
    );
    this.#tasks.set(id, task);
    void this.#publish(task);
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
   * @param after the id of the last one on the page before
   */
  list(limit: number, after?: string): TaskMessage[] {
    const all = [...this.#tasks.values()].reverse();
    const start = after === undefined ? 0 : all.findIndex((task) => task.state.id === after) + 1;
    return all.slice(start, start + limit).map((task) => task.message);
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
        if (recovered && publications.length > 0) return undefined;
        told = publications.at(-1)?.offset ?? position.offset;
        return JSON.stringify(task.message);
      },
      encode: (data, publication) => {
        if (!publication || publication.offset <= told) return undefined;
        const { offset } = publication;
        return JSON.stringify({ ...JSON.parse(data), position: { epoch, offset } });
      },
    });
  }

  /** Sends a connection the changes of all tasks from now on. */
  async followAll(connection: Connection<unknown>): Promise<void> {
    await this.#hub.join(ALL, connection);
  }

  async #end(task: Task, input: Spooled, outcome: Outcome): Promise<void> {
    task.end(outcome);
    await this.#publish(task);
    task.settle();
    await this.#spool.remove(input);
  }

  async #publish(task: Task): Promise<void> {
    const { position } = await this.#hub.publish(topicOf(task), JSON.stringify(task.state));
    task.position = position;
    await this.#hub.signal(ALL, JSON.stringify(task.message));
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

function topicOf(task: Task): string {
  return `task:${task.state.id}`;
}
