import http, { type Server as HttpServer } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type Koa from "koa";
import { logRequests, logSlow, logUpgrades } from "./access-log.ts";
import { limitBody } from "./body-limit.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";
import { createDoor, type Settled } from "./door.ts";
import { logErrors } from "./error-log.ts";
import { hasBody } from "./handshake-check.ts";
import { answerHealth } from "./health.ts";
import { type LifespanDeadlines, startLifespans } from "./lifespan.ts";
import { createLog, type Logger } from "./log.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { assertOptions, type OptionKinds } from "./options.ts";
import { answerParserErrors } from "./parser-error.ts";
import { rawPath } from "./path.ts";
import { type Refusal, writeRefusal } from "./refusal.ts";
import { assertBounded } from "./request-bounds.ts";
import { SecureResponse } from "./security-headers.ts";
import { type AttachOptions, attach } from "./upgrade.ts";
import type { Upgrades } from "./upgrades.ts";

/** Options of {@link serve}. */
export interface ServeOptions extends Partial<Config>, AttachOptions {
  /** Where the story is told; by default to standard output at `logLevel`. */
  log?: Logger;
  /** A certificate and its key, to serve https and wss. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Deadlines of the apps' lifespans. */
  lifespans?: LifespanDeadlines;
  /** The longest body of a request in bytes; a longer one gets 413. Default 1 MiB. */
  maxBodyBytes?: number;
  /** How long a request's headers may take, in milliseconds; then 408. Default 10,000. */
  headersTimeoutMs?: number;
  /** How long a whole request may take, in milliseconds; then 408. Default 300,000. */
  requestTimeoutMs?: number;
  /** How long a response may wait for its client to read on, in milliseconds. Default 30,000. */
  unreadResponseMs?: number;
}

/** A served app. */
export interface Serving {
  /** Where it is, with a final slash: `http://127.0.0.1:8000/`. */
  readonly url: string;
  /** The connections of this server. */
  readonly upgrades: Upgrades;
  /** The server underneath. */
  readonly server: Server;
  /**
   * Drains the server within the grace period: new handshakes are refused 503, connections are
   * closed 1012, handlers get time to end, lifespans stop in reverse. A second call gives the
   * same promise.
   */
  close(): Promise<void>;
}

type Server = HttpServer | https.Server;

const KINDS: OptionKinds<ServeOptions> = {
  host: "other",
  port: "number",
  graceSeconds: "number",
  logLevel: "other",
  trustProxy: "other",
  allowedHosts: "other",
  allowedOrigins: "other",
  log: "other",
  tls: "other",
  lifespans: "other",
  maxConnections: "number",
  maxConnectionsPerAddress: "number",
  handshakeTimeoutMs: "number",
  maxBodyBytes: "number",
  headersTimeoutMs: "number",
  requestTimeoutMs: "number",
  unreadResponseMs: "number",
};

const MAX_BODY_BYTES = 1024 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** How often Node looks for requests that are late: a tenth of the shortest wait. */
const CHECK_EVERY_MS = 1_000;

/**
 * What of the grace period handlers and requests may use; the rest is for the lifespans, so that
 * a handler that never ends leaves them time to write down what they hold.
 */
const HANDLERS_SHARE = 0.8;

/**
 * Starts the lifespans of an app and its mounts, listens, and says where.
 *
 * @param app the root app
 * @param options settings; each has a default
 * @throws TypeError for an option that there is not
 * @throws what a lifespan or the listening throws (`EADDRINUSE`, say), after stopping in reverse
 *   what was started
 */
export async function serve(app: Koa, options: ServeOptions = {}): Promise<Serving> {
  assertOptions(options, KINDS, "serve");
  const config = { ...DEFAULT_CONFIG, ...options };
  const log = options.log ?? createLog({ level: config.logLevel });
  logErrors(app, log);
  const server = createServer(options);
  answerParserErrors(server);
  server.on("request", logRequests(log));
  server.on(
    "request",
    oneAtATime(
      server,
      frontOf(app, config, () => upgrades.draining),
      config.unreadResponseMs,
    ),
  );
  const upgrades = attach(server, app, config);
  const sockets = socketsOf(server, upgrades);
  logUpgrades(upgrades, log);
  const stopLifespans = await startLifespans(app, options.lifespans);
  try {
    await listen(server, config.port, config.host);
  } catch (error) {
    await stopLifespans();
    throw error;
  }
  const url = urlOf(server, config.host, options.tls ? "https" : "http");
  log.info({ event: "listening", url }, `listening on ${url}`);
  const stopLogging = logSlow(upgrades, log);
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= drain(server, sockets, upgrades, config.graceSeconds * 1000, log, (stopMs) =>
      stopLifespans({ ...options.lifespans, stopMs }),
    ).finally(stopLogging);
    return closing;
  };
  return { url, server, upgrades, close };
}

function createServer(options: ServeOptions): Server {
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const timeouts = {
    requestTimeout,
    // Node refuses headers that may take longer than the whole request.
    headersTimeout: options.headersTimeoutMs ?? Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
    connectionsCheckingInterval: CHECK_EVERY_MS,
    ServerResponse: SecureResponse,
  };
  return options.tls
    ? https.createServer({ ...timeouts, handshakeTimeout: timeouts.headersTimeout, ...options.tls })
    : http.createServer(timeouts);
}

// What stands before the app for plain HTTP; `attach` has its own for handshakes.
function frontOf(
  app: Koa & Settled,
  options: ServeOptions,
  draining: () => boolean,
): http.RequestListener {
  // The door leaves only what a trusted proxy has forwarded, so Koa may believe it.
  if (options.trustProxy?.length) app.proxy = true;
  const door = createDoor(app, options);
  const callback = app.callback();
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
  return (req, res) => {
    if (answerHealth(req, res, draining)) return;
    try {
      assertBounded(req);
      door.check(req);
    } catch (error) {
      res.shouldKeepAlive = false;
      return writeRefusal(res, error as Refusal);
    }
    if (hasBody(req)) {
      const own = app.settingsAt?.(rawPath(req.url ?? "")).maxBodyBytes;
      if (!limitBody(req, res, own ?? maxBodyBytes)) return;
    }
    if (draining()) res.shouldKeepAlive = false;
    void callback(req, res);
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function urlOf(server: Server, host: string, scheme: string): string {
  const { port } = server.address() as AddressInfo;
  // A wildcard is no address to open; this machine's own is one it covers.
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}/`;
}

async function drain(
  server: Server,
  sockets: ReadonlySet<Socket>,
  upgrades: Upgrades,
  graceMs: number,
  log: Logger,
  stopLifespans: (stopMs: number) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + graceMs;
  log.info({ event: "draining", connections: upgrades.live.size }, "shutting down");
  const left = await upgrades.drain({ graceMs: graceMs * HANDLERS_SHARE });
  for (const { handshake } of left) {
    log.warn(
      { event: "handler-left", path: handshake.path },
      `the handler of ${handshake.path} did not end in time`,
    );
  }
  // It listens until here, so that a load balancer reads 503 and not a refused connection.
  await closed(server, sockets, deadline - graceMs * (1 - HANDLERS_SHARE) - performance.now());
  await stopLifespans(Math.max(deadline - performance.now(), 0));
  log.info({ event: "stopped" }, "stopped");
}

// Resolves when the last request has ended; what has not by the deadline is cut off.
async function closed(server: Server, sockets: ReadonlySet<Socket>, ms: number): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Not closeAllConnections(): it does not know sockets that were upgraded, nor those in the
  // middle of a TLS handshake.
  const timer = setTimeout(
    () => {
      for (const socket of sockets) socket.destroy();
    },
    Math.max(ms, 0),
  );
  await ended;
  clearTimeout(timer);
}

// All sockets of a server that are not a connection, which `upgrades` follows by itself: in HTTP,
// in a TLS handshake, or upgraded by somebody else.
function socketsOf(server: Server, upgrades: Upgrades): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  // One listener for all of them.
  function forget(this: Socket): void {
    sockets.delete(this);
  }
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", forget);
  });
  upgrades.on("accepted", ({ socket }) => {
    sockets.delete(socket);
    socket.off("close", forget);
  });
  return sockets;
}
