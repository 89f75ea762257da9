import { BEHIND, type Context, ROOT_PATH } from "../context/context.ts";
import { otherSlash } from "../http/path.ts";
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

/**
 * Redirects a request to the path with the other final slash; 307 keeps the method and the body.
 * Browsers do not follow redirects of WebSockets, so a handshake is refused with the URL to use.
 */
export function answerMissingSlash(ctx: Context): Promise<void> {
  const other = otherSlash(ctx.originalUrl);
  if (!other) return answerNothing(ctx);
  const target = (ctx[ROOT_PATH] ?? "") + other;
  if (handshakeOf(ctx.req)) {
    refuseHandshake(ctx, `there is no WebSocket route at this path; connect to ${target}`);
    return ANSWERED;
  }
  ctx.status = 307;
  ctx.set("Location", target);
  ctx.body = `use ${target}`;
  return ANSWERED;
}
