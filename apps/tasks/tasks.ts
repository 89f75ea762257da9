import { randomBytes } from "node:crypto";
import type { Connection, Hub, Position } from "koa-subapps";
import { Ended } from "./ended.ts";
import type { Kind } from "./kind.ts";
import type { Outcome, TaskQueue } from "./queue.ts";
import type { Spool, Spooled } from "./spool.ts";
import { hasEnded, Task, type TaskMessage, withMember } from "./task.ts";

/** 128 bits: a client cannot guess the id of a task. */
const ID_BYTES = 16;

/** The parts that {@link Tasks} uses. */
export interface TasksParts {
  readonly queue: TaskQueue;
  readonly hub: Hub;
  readonly spool: Spool;
  /** The bound on ended tasks, see `TasksOptions`. */
  readonly maxResultsBytes: number;
}

/** The data of a new task. */
export interface NewTask {
  /** The visitor that owns the task, see `visitorOf`. */
  readonly visitor: string;
  /** The name of the task's kind. */
  readonly name: string;
  readonly kind: Kind;
  readonly params: unknown;
  readonly input: Spooled;
  /** Reports an error to the operator, not to clients. */
  readonly report: (error: Error) => void;
}

/** A page of a visitor's tasks. */
export interface TaskPage {
  readonly tasks: readonly TaskMessage[];
  /** Whether more tasks follow. */
  readonly more: boolean;
}

/**
 * The tasks of one process. Begins, follows and cancels them, and forgets them some time after
 * their end.
 */
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
   * Lists tasks of a visitor, the newest first, without their results.
   *
   * @param limit the most tasks of a page
   * @param after the last task of the previous page
   */
  list(visitor: string, limit: number, after?: Task): TaskPage {
    this.#ended.expire();
    const own = [...this.#tasks.values()].filter((task) => task.visitor === visitor).reverse();
    const start = after === undefined ? 0 : own.indexOf(after) + 1;
    const tasks = own.slice(start, start + limit).map((task) => task.message);
    return { tasks, more: start + limit < own.length };
  }

  /**
   * Cancels a waiting or running task.
   *
   * @returns false when the task had ended
   */
  cancel(task: Task): boolean {
    if (hasEnded(task.state)) return false;
    this.#queue.cancel(task.state.id);
    return true;
  }

  /** Takes no more tasks, gives running tasks `ms` milliseconds, and ends the rest. */
  async stop(ms: number): Promise<void> {
    await this.#queue.stop(ms);
    await Promise.all([...this.#tasks.values()].map((task) => task.ended));
  }

  /**
   * Sends a connection the state of a task, then every change. A client that resumes gets every
   * change since its position, if those are still retained.
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
        // The topic drops old states; the task itself still has its last one.
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
      // Before the publication: a client that gets the end of a task finds its input removed.
      await this.#spool.remove(input);
    } finally {
      await this.#publish(task).finally(() => {
        task.settle();
        this.#ended.add(task);
      });
    }
  }

  // Taken now: the state may change before the broker gives its position.
  async #publish(task: Task): Promise<void> {
    const data = task.json;
    const { position } = await this.#hub.publish(topicOf(task), data);
    task.position = position;
    await this.#hub.signal(topicOfAll(task.visitor), withPosition(data, position));
  }
}

/** Makes the text that clients get of a task: its state, result and position, as JSON. */
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
