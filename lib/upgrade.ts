import { type Server as HttpServer, type IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type Koa from "koa";
import compose from "koa-compose";
import { addressOf, createDoor, type DoorOptions } from "./door.ts";
import { Handshake } from "./handshake.ts";
import { asksForWebSocket, checkHandshake, hasBody } from "./handshake-check.ts";
import { type LimitOptions, Limits } from "./limits.ts";
import { Refusal, writeRefusal } from "./refusal.ts";
import { settle } from "./settle.ts";
import { Upgrades } from "./upgrades.ts";

/** Options of {@link attach}. */
export interface AttachOptions extends DoorOptions, LimitOptions {
  /** How long a handshake may take from its arrival to its answer, in milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
}

type Server = HttpServer | HttpsServer;

const HANDSHAKE_TIMEOUT_MS = 10_000;

const attached = new WeakSet<Server>();

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
export function attach(server: Server, app: Koa, options: AttachOptions = {}): Upgrades {
  assertFree(server);
  attached.add(server);
  if (server.listenerCount("request") === 0) server.on("request", app.callback());
  const upgrades = new Upgrades();
  const limits = new Limits(options);
  const door = createDoor(app, options);
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const answer = answerer(app);
  server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!asksForWebSocket(req)) return plainHttp(server, req, socket);
    let release = () => {};
    const handshake = new Handshake(req, socket, head, timeoutMs, () => {
      // An accepted one counts until its connection has ended.
      if (handshake.state === "accepted") socket.once("close", release);
      else release();
      upgrades.settled(handshake);
    });
    upgrades.own(handshake);
    try {
      if (upgrades.draining) throw new Refusal(503, "the server is shutting down");
      checkHandshake(req);
      door.check(req);
      const address = addressOf(req);
      release = limits.take(address, door.trusts(address));
    } catch (error) {
      return handshake.refuse(error as Refusal);
    }
    // koa-easy-ws and ws read the header as one name, RFC 9110 allows a list.
    req.headers.upgrade = "websocket";
    answer(req, handshake.res);
  });
  return upgrades;
}

function assertFree(server: Server): void {
  if (server.listenerCount("upgrade") === 0) return;
  const who = attached.has(server) ? "an attached app" : "another library";
  throw new Error(
    `expected a server without an 'upgrade' listener, but ${who} has one; ` +
      "attach one root app per server and mount the others in it",
  );
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

// A request for another protocol (curl's h2c, say) is answered as if it had not asked. Its parser
// is gone, so a body could not be read and the socket cannot be used again.
function plainHttp(server: Server, req: IncomingMessage, socket: Socket): void {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  socket.on("error", () => socket.destroy());
  res.once("finish", () => {
    res.detachSocket(socket);
    socket.resume();
    socket.end(() => socket.destroy());
  });
  if (!hasBody(req)) server.emit("request", req, res);
  else {
    writeRefusal(
      res,
      new Refusal(400, "expected no body in a request that asks to upgrade to another protocol"),
    );
  }
}
