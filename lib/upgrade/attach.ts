import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type Koa from "koa";
import { wholeError } from "../context/errors.ts";
import { setRootPath } from "../context/root-path.ts";
import type { SubApp } from "../context/sub-app.ts";
import { type Admission, type AdmissionOptions, createAdmission } from "../http/admission.ts";
import { Capacity, type LimitOptions, shareOf } from "../http/capacity.ts";
import { addressOf } from "../http/client.ts";
import { endIfUnread, leaveHttp } from "../http/one-at-a-time.ts";
import { parseQueriesOnce } from "../http/query.ts";
import { linger, Refusal, writeRefusal } from "../http/refusal.ts";
import { SecureResponse } from "../http/security-headers.ts";
import {
  assertOptions,
  COUNT,
  type OptionKinds,
  PATIENCE_MS,
  PER_SECOND,
  TEXTS,
  TIMER_MS,
} from "../options.ts";
import { asksForWebSocket, checkHandshake, hasBody } from "./check.ts";
import { Upgrades } from "./connections.ts";
import { Handshake } from "./handshake.ts";
import { HandshakeRate, type RateOptions } from "./handshake-rate.ts";
import { afterOthers, answerIfOurs, hasOthers, isLeft, share } from "./other-listeners.ts";
import { endAccepted, settle } from "./outcome.ts";

/** Options of {@link attach}. */
export interface AttachOptions extends AdmissionOptions, LimitOptions, RateOptions {
  /** How long a handshake may take from its arrival to its answer, in milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /** How long a response may wait for its client to read on, in milliseconds. Default 30,000. */
  unreadResponseMs?: number;
  /** The prefix that a proxy strips before it passes requests on: `/api`. Default none. */
  rootPath?: string;
}

/** What each of {@link AttachOptions} may be. */
export const ATTACH_KINDS: OptionKinds<AttachOptions> = {
  allowedHosts: TEXTS,
  allowedOrigins: TEXTS,
  trustProxy: TEXTS,
  maxConnections: COUNT,
  maxConnectionsPerAddress: COUNT,
  handshakesPerSecond: PER_SECOND,
  handshakeTimeoutMs: PATIENCE_MS,
  unreadResponseMs: TIMER_MS,
  rootPath: "other",
};

type Server = HttpServer | HttpsServer;

const HANDSHAKE_TIMEOUT_MS = 10_000;

const attached = new WeakSet<Server>();

/** The last response on a socket. */
const ANSWER = Symbol("answer");

type Answering = Socket & { [ANSWER]?: ServerResponse | undefined };

/**
 * Lets a server take WebSocket handshakes for a Koa app: each becomes a request that goes through
 * the app's middleware, mounts and routes, and is then accepted (101) or answered as plain HTTP.
 * Any Koa app will do, so a sub-app can live in a plain one through koa-mount.
 *
 * @param server an `http` or `https` server; without a `request` listener it gets the app's
 * @param app the root app
 * @param options see {@link AttachOptions}
 * @returns the server's upgrades
 * @throws TypeError for an unknown option, and for a number outside its range
 * @throws Error when something else listens for upgrades already: two answers on one socket
 * @throws TypeError for an option that names no host, origin, proxy or path
 */
export function attach(server: Server, app: Koa, options: AttachOptions = {}): Upgrades {
  assertOptions(options, ATTACH_KINDS, "attach");
  return attachBehind(admissionOf(app, options), server, app, options);
}

/** The admission of a server: one for its requests and its handshakes. */
export function admissionOf(app: SubApp, options: AdmissionOptions): Admission {
  return createAdmission(options, (path) => app.settingsAt?.(path));
}

/** As {@link attach}, behind an admission that is there already, with options that have been checked. */
export function attachBehind(
  admission: Admission,
  server: Server,
  app: Koa,
  options: AttachOptions,
): Upgrades {
  assertFree(server);
  attached.add(server);
  parseQueriesOnce(app);
  if (server.listenerCount("request") === 0) server.on("request", app.callback());
  // Node drops what comes after the 2,000th header, an Origin or a Content-Length perhaps, and
  // what it drops cannot be checked. The size of the head (16 KiB) bounds their number.
  server.maxHeadersCount ??= 0;
  noteResponses(server);
  setRootPath(app, options.rootPath ?? "");
  const upgrades = new Upgrades();
  const limits = new Capacity(options);
  const rate = new HandshakeRate(options);
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const { unreadResponseMs: unreadMs } = options;
  const answer = answerer(app);
  const take = (req: IncomingMessage, socket: Socket, head: Buffer, isShared: boolean): void => {
    if (!asksForWebSocket(req)) return plainHttp(server, req, socket, isShared, unreadMs);
    const handshake = new Handshake(req, socket, head, timeoutMs, upgrades);
    if (isShared) share(handshake, head);
    try {
      if (upgrades.draining) throw new Refusal(503, "the server is shutting down");
      checkHandshake(req);
      admission.check(req, true);
      const address = addressOf(req);
      const exempt = admission.trusts(address);
      if (!exempt) rate.take(shareOf(address));
      handshake.hold(limits.take(address, exempt));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return void answerIfOurs(handshake, () => handshake.refuse(error));
    }
    // koa-easy-ws and ws read the header as one name, RFC 9110 allows a list.
    req.headers.upgrade = "websocket";
    answer(req, handshake);
    handshake.wait();
  };
  server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (leaveHttp(socket)) return linger(socket);
    const earlier = responseUnderWay(socket);
    if (earlier) return endAfter(earlier, socket, unreadMs);
    if (!hasOthers(server)) return take(req, socket, head, false);
    afterOthers(socket, () => take(req, socket, head, true));
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

// A client may send its handshake right behind a request (pipelining). Two responses cannot hold
// one socket, and the parser that would put them in order is gone.
function noteResponses(server: Server): void {
  server.prependListener("request", ({ socket }: IncomingMessage, res: ServerResponse) => {
    (socket as Answering)[ANSWER] = res;
  });
}

function responseUnderWay(socket: Answering): ServerResponse | undefined {
  const last = socket[ANSWER];
  socket[ANSWER] = undefined;
  return last?.closed ? undefined : last;
}

// The earlier response goes out whole; then the client has to come again.
function endAfter(earlier: ServerResponse, socket: Socket, unreadMs?: number): void {
  socket.on("error", () => socket.destroy());
  endIfUnread(socket, unreadMs);
  if (earlier.writableFinished) socket.destroySoon();
  else earlier.once("finish", () => socket.destroySoon());
}

type Internals = Koa & {
  compose(middleware: Koa.Middleware[]): (ctx: Koa.Context) => Promise<void>;
  handleRequest(ctx: Koa.Context, middleware: (ctx: Koa.Context) => Promise<void>): Promise<void>;
};

// What Koa's own callback does, but that it has Koa write an answer only where there is one: Koa
// watches a response until its end, and an accepted handshake has none. The middleware is composed
// once, as Koa does; an App has one that never changes.
function answerer(app: Koa): (req: IncomingMessage, handshake: Handshake) => void {
  if (app.listenerCount("error") === 0) app.on("error", app.onerror);
  const middleware = (app as Internals).compose(app.middleware);
  return (req, handshake) => {
    const ctx = app.createContext(req, handshake.res as ServerResponse) as Koa.Context;
    // What Koa begins with is 404; written past `ctx.status` it is a default all the same.
    ctx.res.statusCode = 403;
    const done = app.ctxStorage ? app.ctxStorage.run(ctx, middleware, ctx) : middleware(ctx);
    done
      .then(() =>
        settle(ctx) ? answerIfOurs(handshake, () => respond(app as Internals, ctx)) : undefined,
      )
      .catch((error) => fail(ctx, handshake, error ?? wholeError(error)));
  };
}

function fail(ctx: Koa.Context, handshake: Handshake, error: unknown): Promise<void> | void {
  handshake.session?.connection.close(1011);
  handshake.leaveIfTaken();
  endAccepted(ctx);
  const report = () => ctx.onerror(error as Error);
  return handshake.state === "pending" ? answerIfOurs(handshake, report, report) : report();
}

function respond(app: Internals, ctx: Koa.Context): Promise<void> {
  const { statusCode } = ctx.res;
  return app.handleRequest(ctx, async () => {
    ctx.res.statusCode = statusCode;
  });
}

// A request for another protocol (curl's h2c, say) is answered as if it had not asked. Its parser
// is gone, so a body could not be read and the socket cannot be used again. Another listener may
// speak that protocol.
function plainHttp(
  server: Server,
  req: IncomingMessage,
  socket: Socket,
  isShared: boolean,
  unreadMs?: number,
): void {
  if (!isShared) return answerPlainly(server, req, socket, unreadMs);
  void isLeft(socket).then((isOurs) => {
    if (isOurs) answerPlainly(server, req, socket, unreadMs);
  });
}

function answerPlainly(
  server: Server,
  req: IncomingMessage,
  socket: Socket,
  unreadMs?: number,
): void {
  const res = new SecureResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  endIfUnread(socket, unreadMs);
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
