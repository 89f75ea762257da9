import { randomBytes } from "node:crypto";
import type { Connection, Hub, Position } from "../../lib/index.ts";
import { Ended } from "./ended.ts";
import type { Kind } from "./kind.ts";
import type { Outcome, TaskQueue } from "./queue.ts";
import type { Spool, Spooled } from "./spool.ts";
import { hasEnded, Task, type TaskMessage, withMember } from "./task.ts";

/** 128 bits: to know a task one must have been told of it. */
const ID_BYTES = 16;

/** What {@link Tasks} works with. */
export interface TasksParts {
  readonly queue: TaskQueue;
  readonly hub: Hub;
  readonly spool: Spool;
  /** What ended tasks may occupy together, see `TasksOptions`. */
  readonly maxResultsBytes: number;
}

/** What a new task is. */
export interface NewTask {
  /** Whose it is, see `visitorOf`. */
  readonly visitor: string;
  /** The name of its kind. */
  readonly name: string;
  readonly kind: Kind;
  readonly params: unknown;
  readonly input: Spooled;
  /** Tells the operator of an error that clients are not told. */
  readonly report: (error: Error) => void;
}

/** Some of a visitor's tasks. */
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
  readonly #ended: Ended;

  constructor({ queue, hub, spool, maxResultsBytes }: TasksParts) {
    this.#queue = queue;
    this.#hub = hub;
    this.#spool = spool;
    this.#ended = new Ended(maxResultsBytes, ({ state }) => this.#tasks.delete(state.id));
  }

  /**
   * Begins a task.
   *
   * @throws QueueFull
   */
  add({ visitor, name, kind, params, input, report }: NewTask): Task {
    const task = new Task(randomBytes(ID_BYTES).toString("base64url"), name, visitor);
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
    this.#ended.expire();
    return this.#tasks.get(id);
  }

  /**
   * Some tasks of a visitor, the newest first, without their results.
   *
   * @param limit how many at most
   * @param after the last one on the page before
   */
  list(visitor: string, limit: number, after?: Task): TaskPage {
    this.#ended.expire();
    const own = [...this.#tasks.values()].filter((task) => task.visitor === visitor).reverse();
    const start = after === undefined ? 0 : own.indexOf(after) + 1;
    const tasks = own.slice(start, start + limit).map((task) => task.message);
    return { tasks, more: start + limit < own.length };
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
        return last ? withPosition(last.data, { epoch, offset: last.offset }) : textOf(task);
      },
      encode: (data, publication) => {
        if (!publication || publication.offset <= told) return undefined;
        return withPosition(data, { epoch, offset: publication.offset });
      },
    });
  }

  /** Sends a connection the changes of all tasks of a visitor from now on. */
  async followAll(visitor: string, connection: Connection<unknown>): Promise<void> {
    await this.#hub.join(topicOfAll(visitor), connection);
  }

  async #end(task: Task, input: Spooled, outcome: Outcome): Promise<void> {
    task.end(outcome);
    try {
      // Before the news: who is told that a task has ended finds nothing of it left.
      await this.#spool.remove(input);
    } finally {
      await this.#publish(task).finally(() => {
        task.settle();
        this.#ended.add(task);
      });
    }
  }

  // The state of now: by the time it has its position, there may be another.
  async #publish(task: Task): Promise<void> {
    const data = task.json;
    const { position } = await this.#hub.publish(topicOf(task), data);
    task.position = position;
    await this.#hub.signal(topicOfAll(task.visitor), withPosition(data, position));
  }
}

/** What a client is sent of a task: its state with the result and the position, as JSON. */
export function textOf(task: Task): string {
  return withPosition(task.json, task.position);
}

function withPosition(json: string, position: Position): string {
  return withMember(json, "position", JSON.stringify(position));
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function topicOf(task: Task): string {
  return `task:${task.state.id}`;
}

function topicOfAll(visitor: string): string {
  return `visitor:${visitor}`;
}
