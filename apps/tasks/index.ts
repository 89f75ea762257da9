import { App, type Connection, type Context, Hub } from "koa-subapps";
import { z } from "zod";
import * as ourKinds from "./kinds/index.ts";
import { checked, type TasksOptions } from "./options.ts";
import { isPing, PONG } from "./ping.ts";
import { queryOf } from "./query.ts";
import { MemoryQueue } from "./queue/memory.ts";
import { Spool } from "./spool.ts";
import { type SubmissionParts, submit } from "./submission.ts";
import type { Task } from "./task.ts";
import { Tasks, textOf } from "./tasks.ts";
import { Uploads } from "./uploads.ts";
import { visitorOf } from "./visitor.ts";

export type { TasksOptions } from "./options.ts";

/** The states of a task from which a client can resume: a minute of progress, kept for an hour. */
const RETENTION = { count: 600, ageMs: 60 * 60 * 1_000 };
const MOST_ON_A_PAGE = 100;

const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_ON_A_PAGE).default(MOST_ON_A_PAGE),
  after: z.string().optional(),
});

/**
 * Makes an app for background tasks. Clients begin and cancel tasks by HTTP and follow them by
 * WebSocket; worker threads do the work. A client may send `{"type":"ping"}` on the WebSocket, and
 * the server answers `{"type":"pong"}`, as in `chat.v1`.
 *
 * @throws TypeError for an unknown option, or a wrong value
 */
export function createTasks(options: TasksOptions = {}): App {
  const { maxInputBytes, maxInputsBytes, maxUploadsPerClient, maxResultsBytes } = checked(options);
  const app = new App({ maxBodyBytes: maxInputBytes });
  const module = options.kinds ?? ourKinds;
  let here: SubmissionParts;

  app.lifespan(async function* () {
    const spool = await Spool.open({ maxBytes: maxInputsBytes });
    const hub = options.hub ?? new Hub({ retention: RETENTION });
    const queue = new MemoryQueue(module, options);
    const tasks = new Tasks({ queue, hub, spool, maxResultsBytes });
    const uploads = new Uploads(queue, maxUploadsPerClient);
    here = { kinds: module.kinds, spool, tasks, uploads, maxInputBytes };
    const { stopMs } = yield;
    // The rest of the time is for tasks that did not end by themselves.
    await tasks.stop(stopMs / 2);
    await spool.close();
    if (!options.hub) await hub.broker.close();
  });

  // The answers are personal, so no cache may store them.
  app.use((ctx, next) => {
    ctx.set("Cache-Control", "no-store");
    return next();
  });

  app.router.post("/:kind", async (ctx) => {
    const { id, kind, status } = (await submit(ctx, here)).state;
    const url = ctx.urlFor("task", { id });
    ctx.status = 202;
    ctx.set("Location", url);
    ctx.body = { id, kind, status, url, events: ctx.urlFor("events", { id }) };
  });

  app.router.get("page", "/", (ctx) => {
    const { limit, after } = queryOf(ctx, pageQuery);
    const visitor = visitorOf(ctx);
    const last = after === undefined ? undefined : here.tasks.get(after);
    if (after !== undefined && last?.visitor !== visitor) {
      ctx.throw(400, "after: expected the id of one of your tasks, but it is unknown or forgotten");
    }
    const { tasks, more } = here.tasks.list(visitor, limit, last);
    const rest = new URLSearchParams({ limit: `${limit}`, after: tasks.at(-1)?.id ?? "" });
    ctx.body = { tasks, ...(more && { next: `${ctx.urlFor("page")}?${rest}` }) };
  });

  app.router.get("task", "/:id", (ctx) => {
    ctx.body = textOf(known(ctx, here.tasks));
    ctx.type = "json";
  });

  app.router.delete("/:id", (ctx) => {
    const task = known(ctx, here.tasks);
    if (!here.tasks.cancel(task))
      ctx.throw(409, `expected a task that waits or runs, but it has ended: ${task.state.status}`);
    ctx.status = 202;
    ctx.body = task.message;
  });

  app.websocket(
    "/",
    { messages: "both" },
    (ctx, next) => {
      ctx.state.visitor = visitorOf(ctx);
      return next();
    },
    async (socket, ctx) => {
      await here.tasks.followAll(ctx.state.visitor, socket);
      await left(socket);
    },
  );

  app.websocket(
    "/:id",
    { name: "events", messages: "both" },
    (ctx, next) => known(ctx, here.tasks) && next(),
    async (socket, ctx) => {
      const task = known(ctx, here.tasks);
      await here.tasks.follow(task, socket, sinceOf(ctx));
      await Promise.race([task.ended, left(socket)]);
    },
  );

  return app;
}

function known(ctx: Context, tasks: Tasks): Task {
  const task = tasks.get(ctx.params.id ?? "");
  if (!task) ctx.throw(404, "expected the id of a task, but it is unknown or forgotten");
  return task;
}

// Reads messages, to see when the client leaves. Answers only a `ping`.
async function left(socket: Connection<unknown>): Promise<void> {
  for await (const message of socket) if (isPing(message)) await socket.send(PONG);
}

function sinceOf({ query: { epoch, offset } }: Context): unknown {
  return epoch === undefined && offset === undefined
    ? undefined
    : { epoch, offset: Number(offset) };
}

/** The tasks of this process. */
export const tasks = createTasks();
