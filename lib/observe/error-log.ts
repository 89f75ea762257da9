import type { Server } from "node:net";
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

/** The logs of the servers of one app. */
interface Logs {
  readonly byServer: WeakMap<Server, Logger>;
  /** The log of the server that was started last, which is told of errors of no request. */
  latest: Logger;
}

const logs = new WeakMap<Koa, Logs>();

/**
 * Logs the errors of an app, whole and once each: Koa's default would print them to standard
 * error. An app that listens for `error` decides by itself.
 *
 * An app may have several servers, one after the other or at once: an error of a request goes to
 * the log of the server that the request came to.
 *
 * @param app the root app; errors of mounted apps come to it unless they listen themselves
 * @param server a server of the app
 * @param log the server's log
 */
export function logErrors(app: Koa, server: Server, log: Logger): void {
  const known = logs.get(app);
  if (known) {
    known.byServer.set(server, log);
    known.latest = log;
    return;
  }
  // Koa's own, of `listen` or `callback`, is nobody's decision.
  app.off("error", app.onerror);
  if (app.listenerCount("error") === 0) {
    const first: Logs = { byServer: new WeakMap([[server, log]]), latest: log };
    logs.set(app, first);
    app.on("error", (error: Thrown, ctx?: Koa.Context) => tell(error, ctx, first));
  }
}

function tell(error: Thrown, ctx: Koa.Context | undefined, { byServer, latest }: Logs): void {
  if (isAnswer(error, ctx)) return;
  const server = (ctx?.req.socket as { server?: Server } | undefined)?.server;
  const log = (server && byServer.get(server)) ?? latest;
  if (hasLeft(error, ctx)) log.debug({ err: error }, "a client left");
  else log.error({ err: error }, error.message);
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
