import type { Server } from "node:net";
import type Koa from "koa";
import type { Logger } from "./log.ts";

/** The error codes of a socket whose client has left. */
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
  /** The log of the server that started last. It gets errors that belong to no request. */
  latest: Logger;
}

const logs = new WeakMap<Koa, Logs>();

/**
 * Logs each error of an app once, with its stack. Koa's default would print it to standard error.
 * If the app itself listens for `error`, nothing is logged.
 *
 * An app may have several servers. An error of a request goes to the log of the server that got the
 * request.
 *
 * @param app the root app; it gets the errors of mounted apps that do not listen for `error`
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
  // Koa adds `onerror` by itself in `listen` and `callback`: the app has not chosen it.
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

// A 404, or an error with a message for the client, is an answer to a request. After the 101 no
// answer is possible, so any error of a WebSocket handler is a failure, except a refusal.
function isAnswer(error: Thrown, ctx: Koa.Context | undefined): boolean {
  if (ctx?.res.statusCode === 101) return error.name === "Refusal";
  return error.expose === true || error.status === 404;
}

// The code alone proves nothing: a database's socket has the same codes.
function hasLeft(error: Thrown, ctx: Koa.Context | undefined): boolean {
  return CLIENT_LEFT.has(error.code ?? "") && ctx?.req.socket.destroyed === true;
}
