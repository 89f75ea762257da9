import { EventEmitter } from "node:events";
import { type Server as HttpServer, type IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type Koa from "koa";
import compose from "koa-compose";
import type { Closed, Connection } from "./connection.ts";
import { Handshake, HandshakeError, handshakeOf } from "./handshake.ts";
import { asksForWebSocket, checkHandshake, hasBody } from "./handshake-check.ts";

/** Options of {@link attach}. */
export interface AttachOptions {
  /** How long a handshake may take from its arrival to its answer, in milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
}

/** The events of {@link Upgrades}. */
export interface UpgradeEvents {
  /** A handshake was accepted. */
  accepted: [handshake: Handshake];
  /** A handshake was answered with an HTTP status. */
  refused: [handshake: Handshake, status: number];
  /** The client of a handshake left before the answer. */
  abandoned: [handshake: Handshake];
  /** A connection has ended. */
  closed: [handshake: Handshake, closed: Closed];
}

/** One accepted handshake whose connection or handler has not ended yet. */
export interface Live {
  readonly handshake: Handshake;
  readonly connection: Connection<unknown>;
  /** Resolves when both the connection and its handler have ended. */
  readonly done: Promise<unknown>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

const attached = new WeakMap<HttpServer | HttpsServer, Upgrades>();
const owners = new WeakMap<Handshake, Upgrades>();

/** The upgrades of one server: what is connected through it, and the way to end it. */
export class Upgrades extends EventEmitter<UpgradeEvents> {
  /** What is connected now, and handlers that outlive their connection. */
  readonly live = new Set<Live>();
  #draining = false;

  /** Whether new handshakes are refused with 503. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Follows an accepted handshake until its connection and its handler have ended.
   *
   * @param handshake an accepted handshake
   * @param handler the running handler; it must not reject
   */
  follow(handshake: Handshake, handler: Promise<void>): void {
    const { connection } = handshake;
    if (!connection) return;
    const ended = connection.closed.then((closed) => this.emit("closed", handshake, closed));
    const live: Live = { handshake, connection, done: Promise.all([ended, handler]) };
    this.live.add(live);
    void live.done.then(() => this.live.delete(live));
  }

  /**
   * Refuses new handshakes with 503, closes every connection, and waits for the handlers.
   *
   * @param options `code` and `reason` of the close frames (default 1012), and how long handlers
   *   may take, in milliseconds
   * @returns what had not ended by then; its sockets are destroyed
   */
  async drain(options: { code?: number; reason?: string; graceMs: number }): Promise<Live[]> {
    this.#draining = true;
    const all = [...this.live];
    for (const { connection } of all)
      connection.close(options.code ?? 1012, options.reason ?? "service restart");
    await within(options.graceMs, Promise.all(all.map((live) => live.done)));
    for (const { connection } of this.live) connection.terminate();
    return [...this.live];
  }
}

/** The upgrades that a handshake belongs to. */
export function upgradesOf(handshake: Handshake): Upgrades | undefined {
  return owners.get(handshake);
}

/**
 * Lets a server take WebSocket handshakes for a Koa app: each becomes a request that goes through
 * the app's middleware, mounts and routes, and is then accepted (101) or answered as plain HTTP.
 * Any Koa app will do, so a sub-app can live in a plain one through koa-mount.
 *
 * @param server an `http` or `https` server; without a `request` listener it gets the app's
 * @param app the root app
 * @param options see {@link AttachOptions}
 * @returns the server's upgrades
 * @throws Error when something else listens for upgrades already: two answers on one socket
 */
export function attach(
  server: HttpServer | HttpsServer,
  app: Koa,
  options: AttachOptions = {},
): Upgrades {
  if (server.listenerCount("upgrade") > 0) {
    const who = attached.has(server) ? "an attached app" : "another library";
    throw new Error(
      `expected a server without an 'upgrade' listener, but ${who} has one; ` +
        "attach one root app per server and mount the others in it",
    );
  }
  const upgrades = new Upgrades();
  attached.set(server, upgrades);
  if (server.listenerCount("request") === 0) server.on("request", app.callback());
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const answer = answerer(app);
  server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!asksForWebSocket(req)) return plainHttp(server, req, socket);
    const handshake = new Handshake(req, socket, head, timeoutMs, (h) => report(upgrades, h));
    owners.set(handshake, upgrades);
    try {
      if (upgrades.draining) throw new HandshakeError(503, "the server is shutting down");
      checkHandshake(req);
    } catch (error) {
      return handshake.refuse(error as HandshakeError);
    }
    // koa-easy-ws and ws read the header as one name, RFC 9110 allows a list.
    req.headers.upgrade = "websocket";
    answer(req, handshake.res);
  });
  return upgrades;
}

function report(upgrades: Upgrades, handshake: Handshake): void {
  if (handshake.state === "refused") upgrades.emit("refused", handshake, handshake.res.statusCode);
  else upgrades.emit(handshake.state as "accepted" | "abandoned", handshake);
}

// What Koa's own callback does, with `settle` around the app's middleware. The middleware is
// composed once, as Koa does; an App has one that never changes.
function answerer(app: Koa): (req: IncomingMessage, res: ServerResponse) => void {
  if (app.listenerCount("error") === 0) app.on("error", app.onerror);
  const internals = app as Koa & {
    handleRequest(ctx: Koa.Context, middleware: (ctx: Koa.Context) => Promise<void>): Promise<void>;
  };
  const middleware = compose([settle, ...app.middleware]) as (ctx: Koa.Context) => Promise<void>;
  return (req, res) => {
    const ctx = app.createContext(req, res) as Koa.Context;
    const handle = () => internals.handleRequest(ctx, middleware);
    app.ctxStorage ? app.ctxStorage.run(ctx, handle) : handle();
  };
}

// Headers that described the answer which a refusal replaces.
const OF_THE_PAGE = [
  "Location",
  "Last-Modified",
  "ETag",
  "Content-Encoding",
  "Content-Disposition",
];

/**
 * The last word on every handshake. An explicit 4xx or 5xx stays as it is; anything else that is
 * not an acceptance (nothing at all, a page, a redirect) becomes a 403, because a client that
 * asked for a WebSocket can do nothing with it.
 */
async function settle(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  const handshake = handshakeOf(ctx.req) as Handshake;
  // The default that Koa has already set is 404; written past `ctx.status` it stays a default.
  ctx.res.statusCode = 403;
  try {
    await next();
  } catch (error) {
    handshake.connection?.close(1011);
    throw error;
  }
  if (handshake.state === "accepted" || ctx.respond === false) {
    ctx.respond = false;
    handshake.abandon();
  } else if (ctx.status < 400) {
    for (const name of OF_THE_PAGE) ctx.remove(name);
    refuseHandshake(ctx, "this path answers plain HTTP, not a WebSocket");
  } else if (ctx.body === undefined || ctx.body === null) {
    refuseHandshake(ctx, `the handshake was refused: ${ctx.message}`);
  }
}

/**
 * Refuses a handshake with 403 and a reason, unless a middleware has chosen a status of its own.
 *
 * @param ctx the context of a handshake
 * @param reason one line for the client
 */
export function refuseHandshake(ctx: Koa.Context, reason: string): void {
  const status = ctx.status < 400 ? 403 : ctx.status;
  ctx.body = null;
  ctx.status = status;
  ctx.type = "text/plain";
  ctx.body = reason;
}

// A request for another protocol (curl's h2c, say) is answered as if it had not asked. Its parser
// is gone, so a body could not be read and the socket cannot be used again.
function plainHttp(server: HttpServer | HttpsServer, req: IncomingMessage, socket: Socket): void {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  socket.on("error", () => socket.destroy());
  res.once("finish", () => {
    res.detachSocket(socket);
    socket.resume();
    socket.end(() => socket.destroy());
  });
  if (!hasBody(req)) {
    server.emit("request", req, res);
    return;
  }
  res.writeHead(400, { "Content-Type": "text/plain; charset=utf-8" });
  res.end("expected no body in a request that asks to upgrade to another protocol");
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, deadline]);
  clearTimeout(timer);
}
