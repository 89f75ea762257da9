import type { Context } from "../../lib/index.ts";
import type { Kind } from "./kind.ts";
import type { Spool, Spooled } from "./spool.ts";

/** Seconds after which a full queue is worth another try. */
const RETRY_AFTER = "5";

/** What a request asks to be worked on. */
export interface Submission {
  readonly params: unknown;
  readonly input: Spooled;
}

/** The kind a request names, or a 404 that lists the kinds. */
export function kindOf(ctx: Context, kinds: Readonly<Record<string, Kind>>): Kind {
  const name = ctx.params.kind ?? "";
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) ctx.throw(404, `expected one of the kinds ${Object.keys(kinds).join(", ")}`);
  return kind;
}

/**
 * Takes in a submission: everything is checked before the body is read.
 *
 * @param full whether the queue has no room
 */
export async function accept(
  ctx: Context,
  kind: Kind,
  spool: Spool,
  full: () => boolean,
): Promise<Submission> {
  if (full()) refuseFull(ctx);
  if (!ctx.is([...kind.accepts])) {
    ctx.throw(415, `expected a Content-Type of ${kind.accepts.join(" or ")}`);
  }
  const params = kind.params.safeParse(ctx.query);
  if (!params.success) ctx.throw(400, params.error.issues[0]?.message ?? "invalid parameters");
  const input = await spool.write(ctx.req);
  // Others may have come while the body was on its way.
  if (full()) {
    await spool.remove(input);
    refuseFull(ctx);
  }
  return { params: params.data, input };
}

function refuseFull(ctx: Context): never {
  ctx.throw(503, "expected room in the queue, but it is full; try again later", {
    expose: true,
    headers: { "Retry-After": RETRY_AFTER },
  });
}
