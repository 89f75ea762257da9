import type { Context } from "../../lib/index.ts";

/** What a room or a client may be called. */
export const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const RULE = "1–64 characters of A-Z a-z 0-9 _ -";

/**
 * Middleware that refuses a handshake with 400 unless its `client_id`, and its `room` where the
 * route has one, follow the rule, which the answer states.
 */
export async function validNames(ctx: Context, next: () => Promise<void>): Promise<void> {
  const { client_id = "", room } = ctx.params;
  if (room !== undefined && !NAME.test(room)) ctx.throw(400, `expected a room name of ${RULE}`);
  if (!NAME.test(client_id)) ctx.throw(400, `expected a client id of ${RULE}`);
  await next();
}
