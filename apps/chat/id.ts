import type { Context } from "../../lib/index.ts";

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Middleware that refuses a handshake with 400 unless its `client_id` follows the rule, which the
 * answer states.
 */
export async function validId(ctx: Context, next: () => Promise<void>): Promise<void> {
  if (!ID.test(ctx.params.client_id ?? "")) {
    ctx.throw(400, "expected a client id of 1–64 characters of A-Z a-z 0-9 _ -");
  }
  await next();
}
