import { type Context, errorReporter } from "../../lib/index.ts";
import type { Kind, Kinds } from "./kind.ts";
import { queryOf } from "./query.ts";
import { QueueFull } from "./queue.ts";
import type { Spool } from "./spool.ts";
import type { Task } from "./task.ts";
import type { Tasks } from "./tasks.ts";

/** Seconds after which a full queue is worth another try. */
const RETRY_AFTER = "5";

/** What {@link submit} works with. */
export interface SubmissionParts {
  readonly kinds: Kinds;
  readonly spool: Spool;
  readonly tasks: Tasks;
}

/** Begins the task that a request asks for: all is checked before the body is read. */
export async function submit(ctx: Context, parts: SubmissionParts): Promise<Task> {
  const { kinds, spool, tasks } = parts;
  const name = ctx.params.kind ?? "";
  const kind = kindOf(ctx, name, kinds);
  if (!ctx.is([...kind.accepts])) {
    ctx.throw(415, `expected a Content-Type of ${kind.accepts.join(" or ")}`);
  }
  const params = queryOf(ctx, kind.params);
  if (tasks.full) refuseFull(ctx);
  const input = await spool.write(ctx.req);
  try {
    return tasks.add({ name, kind, params, input, report: errorReporter(ctx) });
  } catch (error) {
    await spool.remove(input);
    // Others may have come while the body was on its way.
    if (error instanceof QueueFull) refuseFull(ctx);
    throw error;
  }
}

function kindOf(ctx: Context, name: string, kinds: Kinds): Kind {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) ctx.throw(404, `expected one of the kinds ${Object.keys(kinds).join(", ")}`);
  return kind;
}

function refuseFull(ctx: Context): never {
  ctx.throw(503, "expected room in the queue, but it is full; try again later", {
    expose: true,
    headers: { "Retry-After": RETRY_AFTER },
  });
}
