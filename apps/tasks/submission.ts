import { type Context, errorReporter, networkOf } from "../../lib/index.ts";
import type { Kind, Kinds } from "./kind.ts";
import { queryOf } from "./query.ts";
import { QueueFull } from "./queue.ts";
import { type Spool, SpoolFull } from "./spool.ts";
import type { Task } from "./task.ts";
import type { Tasks } from "./tasks.ts";
import { queueFull, type Uploads } from "./uploads.ts";
import { visitorOf } from "./visitor.ts";

/** What {@link submit} works with. */
export interface SubmissionParts {
  readonly kinds: Kinds;
  readonly spool: Spool;
  readonly tasks: Tasks;
  readonly uploads: Uploads;
  /** The longest input in bytes. */
  readonly maxInputBytes: number;
}

/** Begins the task that a request asks for: all is checked before the body is read. */
export async function submit(ctx: Context, parts: SubmissionParts): Promise<Task> {
  const name = ctx.params.kind ?? "";
  const kind = kindOf(ctx, name, parts.kinds);
  // Of what takes anything, the type need not be said, and there may be nothing.
  if (!kind.accepts.includes("*/*") && !ctx.is([...kind.accepts])) {
    ctx.throw(415, `expected a Content-Type of ${kind.accepts.join(" or ")}`);
  }
  const params = queryOf(ctx, kind.params);
  const client = networkOf(ctx.ip);
  parts.uploads.begin(client);
  try {
    return await upload(ctx, parts, { name, kind, params });
  } catch (error) {
    // A queue that stops takes nothing more.
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

// Undefined where the request does not say. Without both headers HTTP/1.1 has no body (RFC 9112 6.3).
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
