import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type Koa from "koa";
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
import { createAnswerer } from "./answerer.ts";
import { asksForWebSocket, checkHandshake, hasBody } from "./check.ts";
import { Upgrades } from "./connections.ts";
import { Handshake } from "./handshake.ts";
import { HandshakeRate, type RateOptions } from "./handshake-rate.ts";
import { afterOthers, answerIfOurs, hasOthers, isLeft, share } from "./other-listeners.ts";

/** Options of {@link attach}. */
export interface AttachOptions extends AdmissionOptions, LimitOptions, RateOptions {
  /** Longest time from a handshake's arrival to its answer, in milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /** How long a response may wait for the client to read, in milliseconds. Default 30,000. */
  unreadResponseMs?: number;
  /** The prefix that a proxy strips before it passes requests on: `/api`. Default none. */
  rootPath?: string;
}

/** The kinds of {@link AttachOptions}. */
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
 * Lets a server take WebSocket handshakes for a Koa app.
 *
 * ```ts
 * import http from "node:http";
 * import { App, attach } from "koa-subapps";
 *
 * const app = new App();
 * app.websocket("/echo", async (socket) => {
 *   for await (const text of socket) await socket.send(text);
 * });
 * const server = http.createServer(); // attach adds the app's request listener
 * attach(server, app, { maxConnections: 1_000 });
 * server.listen(8000);
 * ```
 *
 * A handshake passes the app's middleware, mounts and routes like a request. Then the server
 * accepts it (101), or answers it as plain HTTP. The app may be a plain Koa app that has an App
 * mounted by koa-mount.
 *
 * @param server an `http` or `https` server. If it has no `request` listener, it gets the app's
 * @param app the root app
 * @param options see {@link AttachOptions}
 * @returns the server's upgrades
 * @throws TypeError for an unknown option, a number outside its range, or a malformed host, origin,
 *   proxy or path
 * @throws Error when the server already has an `upgrade` listener, which could answer too
 */
export function attach(server: Server, app: Koa, options: AttachOptions = {}): Upgrades {
  assertOptions(options, ATTACH_KINDS, "attach");
  return attachBehind(admissionOf(app, options), server, app, options);
}

/** Makes the admission of a server, for its requests and its handshakes. */
export function admissionOf(app: SubApp, options: AdmissionOptions): Admission {
  return createAdmission(options, (path) => app.settingsAt?.(path));
}

/** Like {@link attach}, with an admission that was already made and options already checked. */
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
  // By default Node drops the headers after the 2,000th. One of them may be the Origin, which could
  // then not be checked. The size of the head (16 KiB) bounds the number of headers all the same.
  server.maxHeadersCount ??= 0;
  noteResponses(server);
  setRootPath(app, options.rootPath ?? "");
  const upgrades = new Upgrades();
  const take = taker(admission, server, app, upgrades, options);
  const { unreadResponseMs: unreadMs } = options;
  server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (leaveHttp(socket)) return linger(socket);
    const earlier = responseUnderWay(socket);
    if (earlier) return endAfter(earlier, socket, unreadMs);
    if (!hasOthers(server)) return take(req, socket, head, false);
    afterOthers(socket, () => take(req, socket, head, true));
  });
  return upgrades;
}

type Take = (req: IncomingMessage, socket: Socket, head: Buffer, isShared: boolean) => void;

// Makes the function that takes one upgrade request. `isShared`: another listener may take it too.
function taker(
  admission: Admission,
  server: Server,
  app: Koa,
  upgrades: Upgrades,
  options: AttachOptions,
): Take {
  const limits = new Capacity(options);
  const rate = new HandshakeRate(options);
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const { unreadResponseMs: unreadMs } = options;
  const answer = createAnswerer(app);
  return (req, socket, head, isShared) => {
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
    // koa-easy-ws and ws expect one name in this header; RFC 9110 allows a list.
    req.headers.upgrade = "websocket";
    answer(req, handshake);
    handshake.wait();
  };
}

function assertFree(server: Server): void {
  if (server.listenerCount("upgrade") === 0) return;
  const who = attached.has(server) ? "an attached app" : "another library";
  throw new Error(
    `expected a server without an 'upgrade' listener, but ${who} has one; ` +
      "attach one root app per server and mount the others in it",
  );
}

// A client may send its handshake right behind a request (pipelining). Two responses cannot share
// one socket, and Node's parser, which puts responses in order, has left it.
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

// The earlier response is sent whole. Then the socket ends, and the client has to connect again.
function endAfter(earlier: ServerResponse, socket: Socket, unreadMs?: number): void {
  socket.on("error", () => socket.destroy());
  endIfUnread(socket, unreadMs);
  if (earlier.writableFinished) socket.destroySoon();
  else earlier.once("finish", () => socket.destroySoon());
}

// A request for another protocol, such as curl's h2c, is answered as plain HTTP, unless another
// listener speaks that protocol. Node's parser has left the socket, so the server cannot read a
// body or use the socket again.
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
