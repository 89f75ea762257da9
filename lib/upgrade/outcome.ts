import type Koa from "koa";
import type { Handshake } from "./handshake.ts";
import { handshakeOf } from "./handshake.ts";

// Headers that described the answer which a refusal replaces.
const OF_THE_PAGE = [
  "Location",
  "Last-Modified",
  "ETag",
  "Content-Encoding",
  "Content-Disposition",
];

/**
 * The last word on every handshake, when its middleware has run. An explicit 4xx or 5xx stays as
 * it is; anything else that is not an acceptance (nothing at all, a page, a redirect) becomes a
 * 403, because a client that asked for a WebSocket can do nothing with it.
 *
 * @returns whether there is an answer to write
 */
export function settle(ctx: Koa.Context): boolean {
  const handshake = handshakeOf(ctx.req) as Handshake;
  if (handshake.state === "accepted") {
    ctx.respond = false;
    endAccepted(ctx);
    return false;
  }
  if (ctx.respond === false) {
    // Otherwise somebody answers past Koa, now or later: the deadline holds for that too.
    handshake.leaveIfTaken();
    return false;
  }
  if (ctx.status < 400) {
    for (const name of OF_THE_PAGE) ctx.remove(name);
    refuseHandshake(ctx, "this path answers plain HTTP, not a WebSocket");
  } else if (ctx.body === undefined || ctx.body === null) {
    answer(ctx, ctx.status, `the handshake was refused: ${ctx.message}`);
  }
  return true;
}

/**
 * Ends the response of an accepted handshake, once its middleware has settled: those who wait for
 * its end, as loggers do after `await next()`, are told then. Does nothing for any other.
 */
export function endAccepted(ctx: Koa.Context): void {
  if (handshakeOf(ctx.req)?.state === "accepted") ctx.res.end();
}

/**
 * Refuses a handshake with 403 and a reason, unless a middleware has chosen a status of its own.
 *
 * @param ctx the context of a handshake
 * @param reason one line for the client
 */
export function refuseHandshake(ctx: Koa.Context, reason: string): void {
  const handshake = handshakeOf(ctx.req);
  if (handshake) handshake.reason = reason;
  answer(ctx, ctx.status < 400 ? 403 : ctx.status, reason);
}

function answer(ctx: Koa.Context, status: number, reason: string): void {
  ctx.body = null;
  ctx.status = status;
  ctx.type = "text/plain";
  ctx.body = reason;
}
