import { App, type Connection, type Context, Hub } from "../../lib/index.ts";
import { kinds } from "./kinds/index.ts";
import { MemoryQueue, type MemoryQueueOptions } from "./queue/memory.ts";
import { Spool } from "./spool.ts";
import { accept, kindOf } from "./submission.ts";
import type { Task } from "./task.ts";
import { Tasks } from "./tasks.ts";

/** Options of {@link createTasks}. */
export interface TasksOptions extends MemoryQueueOptions {
  /** The longest input in bytes. Default 100 MiB. */
  maxInputBytes?: number;
}

const MAX_INPUT_BYTES = 100 * 1024 * 1024;
/** States of a task that can be resumed from: a minute's progress, and for an hour. */
const RETENTION = { count: 600, ageMs: 60 * 60 * 1_000 };
const MOST_ON_A_PAGE = 100;

/**
 * Background tasks that tell the page when they finish: HTTP begins and cancels them, a WebSocket
 * follows them, worker threads do the work.
 */
export function createTasks(options: TasksOptions = {}): App {
  const app = new App({ maxBodyBytes: options.maxInputBytes ?? MAX_INPUT_BYTES });
  const hub = new Hub({ retention: RETENTION });
  const spool = new Spool();
  let tasks: Tasks;

  app.lifespan(async function* () {
    await spool.open();
    const queue = new MemoryQueue(options);
    tasks = new Tasks({ queue, hub, spool });
    const { stopMs } = yield;
    // The rest of the time is for ending what did not end by itself.
    await queue.stop(stopMs / 2);
    await spool.close();
    await hub.broker.close();
  });

  app.router.post("/:kind", async (ctx) => {
    const context = ctx as unknown as Context;
    const kind = kindOf(context, kinds);
    const { params, input } = await accept(context, kind, spool, () => tasks.full);
    const task = tasks.add(String(ctx.params.kind), kind, params, input);
    const { id, kind: name, status } = task.state;
    const url = context.urlFor("task", { id });
    ctx.status = 202;
    ctx.set("Location", url);
    ctx.body = { id, kind: name, status, url, events: context.urlFor("events", { id }) };
  });

  app.router.get("/", (ctx) => {
    const { limit = MOST_ON_A_PAGE, after } = ctx.query;
    const most = Math.min(Math.max(Number(limit) || 1, 1), MOST_ON_A_PAGE);
    ctx.body = { tasks: tasks.list(most, typeof after === "string" ? after : undefined) };
  });

  app.router.get("task", "/:id", (ctx) => {
    ctx.body = known(ctx as unknown as Context, tasks).message;
  });

  app.router.delete("/:id", (ctx) => {
    const task = known(ctx as unknown as Context, tasks);
    if (!tasks.cancel(task)) ctx.throw(409, `the task had ended: ${task.state.status}`);
    ctx.status = 202;
    ctx.body = task.message;
  });

  app.websocket("/", async (socket) => {
    await tasks.followAll(socket);
    await left(socket);
  });

  app.websocket(
    "/:id",
    { name: "events" },
    (ctx, next) => known(ctx, tasks) && next(),
    async (socket, ctx) => {
      const task = known(ctx, tasks);
      await tasks.follow(task, socket, sinceOf(ctx));
      await Promise.race([task.ended, left(socket)]);
    },
  );

  return app;
}

function known(ctx: Context, tasks: Tasks): Task {
  const task = tasks.get(ctx.params.id ?? "");
  if (!task) ctx.throw(404, "there is no task of that id, or it ended long ago");
  return task;
}

// Nobody needs to say anything here; what comes is read so that the client's leaving is seen.
async function left(socket: Connection): Promise<void> {
  for await (const _ of socket);
}

function sinceOf({ query: { epoch, offset } }: Context): unknown {
  return epoch === undefined && offset === undefined
    ? undefined
    : { epoch, offset: Number(offset) };
}

/** The tasks of this process. */
export const tasks = createTasks();
