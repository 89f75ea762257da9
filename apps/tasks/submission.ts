import { type Context, errorReporter, networkOf } from "koa-subapps";
import type { Kind, Kinds } from "./kind.ts";
import { queryOf } from "./query.ts";
import { QueueFull } from "./queue.ts";
import { type Spool, SpoolFull } from "./spool.ts";
import type { Task } from "./task.ts";
import type { Tasks } from "./tasks.ts";
import { queueFull, type Uploads } from "./uploads.ts";
import { visitorOf } from "./visitor.ts";

/** The parts that {@link submit} uses. */
export interface SubmissionParts {
  readonly kinds: Kinds;
  readonly spool: Spool;
  readonly tasks: Tasks;
  readonly uploads: Uploads;
  /** The longest input in bytes. */
  readonly maxInputBytes: number;
}

/** Begins the task of a request. Checks everything before it reads the body. */
export async function submit(ctx: Context, parts: SubmissionParts): Promise<Task> {
  const name = ctx.params.kind ?? "";
  const kind = kindOf(ctx, name, parts.kinds);
  // A kind that takes any type needs no Content-Type, and no body.
  if (!kind.accepts.includes("*/*") && !ctx.is([...kind.accepts])) {
    ctx.throw(415, `expected a Content-Type of ${kind.accepts.join(" or ")}`);
  }
  const params = queryOf(ctx, kind.params);
  const client = networkOf(ctx.ip);
  parts.uploads.begin(client);
  try {
    return await upload(ctx, parts, { name, kind, params });
  } catch (error) {
    // A stopping queue takes no more tasks.
    if (error instanceof QueueFull || error instanceof SpoolFull) throw queueFull();
    throw error;
  } finally {
    parts.uploads.end(client);
  }
}

async function upload(
  ctx: Context,
  { spool, tasks, maxInputBytes }: SubmissionParts,
  asked: { name: string; kind: Kind; params: unknown },
): Promise<Task> {
  const input = await spool.write(ctx.req, lengthOf(ctx) ?? maxInputBytes);
  try {
    return tasks.add({ ...asked, visitor: visitorOf(ctx), input, report: errorReporter(ctx) });
  } catch (error) {
    await spool.remove(input);
    throw error;
  }
}

// Undefined when the length is unknown. Without both headers an HTTP/1.1 request has no body (RFC
// 9112 section 6.3).
function lengthOf(ctx: Context): number | undefined {
  const length = ctx.get("Content-Length");
  if (length !== "") return Number(length);
  return ctx.req.httpVersionMajor > 1 || ctx.get("Transfer-Encoding") ? undefined : 0;
}

function kindOf(ctx: Context, name: string, kinds: Kinds): Kind {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) ctx.throw(404, `expected one of the kinds ${Object.keys(kinds).join(", ")}`);
  return kind;
}
