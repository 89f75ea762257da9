import type Koa from "koa";
import type { Logger } from "./log.ts";

/** What a socket says when its client has left. */
const CLIENT_LEFT = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_HTTP_REQUEST_TIMEOUT",
]);

type Thrown = Error & { expose?: boolean; status?: number; code?: string };

/**
 * Logs the errors of an app, whole and once each: Koa's default would print them to standard
 * error. An app that listens for `error` decides by itself.
 *
 * @param app the root app; errors of mounted apps come to it unless they listen themselves
 */
export function logErrors(app: Koa, log: Logger): void {
  if (app.listenerCount("error") > 0) return;
  app.on("error", (error: Thrown, ctx?: Koa.Context) => {
    if (isAnswer(error, ctx)) return;
    if (hasLeft(error, ctx)) log.debug({ err: error }, "a client left");
    else log.error({ err: error }, error.message);
  });
}

// A 404, or an error with a message for the client, is an answer to a request. A handler of a
// WebSocket has nobody to answer any more: whatever it throws is a failure.
function isAnswer(error: Thrown, ctx: Koa.Context | undefined): boolean {
  if (ctx?.res.statusCode === 101) return error.name === "Refusal";
  return error.expose === true || error.status === 404;
}

// The code alone says nothing: a database's socket has the same ones.
function hasLeft(error: Thrown, ctx: Koa.Context | undefined): boolean {
  return CLIENT_LEFT.has(error.code ?? "") && ctx?.req.socket.destroyed === true;
}
