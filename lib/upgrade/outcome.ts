import type Koa from "koa";
import type { Handshake } from "./handshake.ts";
import { handshakeOf } from "./handshake.ts";

// Headers that describe a page. A refusal replaces the page, so they are removed.
const OF_THE_PAGE = [
  "Location",
  "Last-Modified",
  "ETag",
  "Content-Encoding",
  "Content-Disposition",
];

/**
 * Decides the outcome of a handshake after its middleware has run. An acceptance stays, and so does
 * an explicit 4xx or 5xx. Any other outcome (no answer, a page, a redirect) becomes a 403, because
 * a client that asked for a WebSocket cannot use it.
 *
 * @returns whether Koa has an answer to write
 */
export function settle(ctx: Koa.Context): boolean {
  const handshake = handshakeOf(ctx.req) as Handshake;
  if (handshake.state === "accepted") {
    ctx.respond = false;
    endAccepted(ctx);
    return false;
  }
  if (ctx.respond === false) {
    // Other code will answer past Koa. The handshake's deadline still applies.
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
 * Ends the response of an accepted handshake, once its middleware has settled. Code that waits for
 * the response's end, such as a logger, runs then. Does nothing for other handshakes.
 */
export function endAccepted(ctx: Koa.Context): void {
  if (handshakeOf(ctx.req)?.state === "accepted") ctx.res.end();
}

/**
 * Refuses a handshake with a reason, and with 403 unless middleware has set a 4xx or 5xx.
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
