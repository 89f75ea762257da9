import { BEHIND, type Context } from "../context/context.ts";
import { handshakeOf } from "../upgrade/handshake.ts";
import { refuseHandshake } from "../upgrade/outcome.ts";

/** What middleware returns when all is done. */
export const ANSWERED = Promise.resolve();

/**
 * Leaves a request its 404, and refuses a handshake 403. An app that koa-mount has put into a plain
 * Koa app does that only to what nothing behind it answers either.
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
 * Has what comes behind an app, in the plain Koa app that koa-mount has put it into, answer.
 *
 * @param otherwise answers when nothing there does
 */
export async function answerBehind(
  ctx: Context,
  otherwise: () => Promise<void> | void,
): Promise<void> {
  await ctx[BEHIND]();
  const isDefault = ctx.status === 404 || (ctx.status === 403 && handshakeOf(ctx.req));
  if (isDefault && (ctx.body === undefined || ctx.body === null)) await otherwise();
}
