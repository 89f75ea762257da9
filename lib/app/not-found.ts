import { BEHIND, type Context } from "../context/context.ts";
import { handshakeOf } from "../upgrade/handshake.ts";
import { refuseHandshake } from "../upgrade/outcome.ts";

/** The result of middleware that has nothing left to do. */
export const ANSWERED = Promise.resolve();

/**
 * Answers a request with Koa's default 404, and refuses a handshake with 403. Under koa-mount, the
 * middleware behind the app in the plain Koa app may answer first.
 */
export function answerNothing(ctx: Context): Promise<void> {
  if (ctx[BEHIND]) return answerBehind(ctx, () => refuse(ctx));
  refuse(ctx);
  return ANSWERED;
}

function refuse(ctx: Context): void {
  if (handshakeOf(ctx.req)) refuseHandshake(ctx, "there is no WebSocket route at this path");
}

/**
 * Runs the middleware behind an app that koa-mount has put into a plain Koa app.
 *
 * @param otherwise answers when that middleware does not
 */
export async function answerBehind(
  ctx: Context,
  otherwise: () => Promise<void> | void,
): Promise<void> {
  await ctx[BEHIND]();
  const isDefault = ctx.status === 404 || (ctx.status === 403 && handshakeOf(ctx.req));
  if (isDefault && (ctx.body === undefined || ctx.body === null)) await otherwise();
}
