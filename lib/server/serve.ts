import http, { type Server as HttpServer } from "node:http";
import https from "node:https";
import type Koa from "koa";
import {
  LIFESPAN_KINDS,
  type LifespanDeadlines,
  type StartAbort,
  startLifespans,
} from "../app/lifespan.ts";
import { oneAtATime } from "../http/one-at-a-time.ts";
import { answerParserErrors } from "../http/parser-error.ts";
import { SecureResponse } from "../http/security-headers.ts";
import { logRequests, logSlow, logUpgrades } from "../observe/access-log.ts";
import { logErrors } from "../observe/error-log.ts";
import { createLog, LOG_LEVELS, type Logger } from "../observe/log.ts";
import { assertOptions, COUNT, type OptionKinds, oneOf, PER_SECOND, TIMER_MS } from "../options.ts";
import { ATTACH_KINDS, type AttachOptions, admissionOf, attachBehind } from "../upgrade/attach.ts";
import type { Upgrades } from "../upgrade/connections.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";
import { drain, HANDLERS_SHARE } from "./drain.ts";
import { DropLog, watchDescriptors } from "./dropped.ts";
import { type FrontOptions, frontOf } from "./front.ts";
import { HttpConnections, type HttpLimitOptions } from "./http-connections.ts";
import { listen, urlOf } from "./listen.ts";

/** Options of {@link serve}. */
export interface ServeOptions
  extends Partial<Config>,
    AttachOptions,
    FrontOptions,
    HttpLimitOptions {
  /** The log. Default: standard output, at `logLevel`. */
  log?: Logger;
  /** A certificate and its key, to serve https and wss. Default none. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Deadlines of the apps' lifespans. */
  lifespans?: LifespanDeadlines;
  /**
   * Aborts a start: no further lifespan starts, the started ones stop in reverse order, and `serve`
   * throws the signal's reason, all within the grace period.
   */
  signal?: AbortSignal;
  /**
   * How long a request's headers may take, in milliseconds. After that the server answers 408.
   * Default 10,000.
   */
  headersTimeoutMs?: number;
  /**
   * How long a whole request may take, in milliseconds. After that the server answers 408. Default
   * 300,000.
   */
  requestTimeoutMs?: number;
  /**
   * How long a connection is kept for its next request, in milliseconds; 0 keeps none. Default
   * 65,000: load balancers keep connections for 60 s, and must not send a request to a connection
   * that the server is closing.
   */
  keepAliveTimeoutMs?: number;
}

/** A running server. */
export interface Serving {
  /**
   * The server's URL, with a final slash: `http://127.0.0.1:8000/`, or
   * `http://unix:/run/app.sock:/` for a Unix socket, as nginx writes it.
   */
  readonly url: string;
  /** The connections of this server. */
  readonly upgrades: Upgrades;
  /** Node's own server. */
  readonly server: Server;
  /**
   * Drains the server within the grace period: refuses new handshakes with 503, closes connections
   * with 1012, gives handlers time to end, and stops lifespans in reverse order. A second call
   * returns the same promise.
   */
  close(): Promise<void>;
}

type Server = HttpServer | https.Server;

const KINDS: OptionKinds<ServeOptions> = {
  ...ATTACH_KINDS,
  host: "other",
  port: { least: 0, most: 65_535, whole: true },
  socket: "other",
  graceSeconds: PER_SECOND,
  logLevel: oneOf(LOG_LEVELS),
  log: "other",
  tls: "other",
  lifespans: "other",
  signal: "other",
  maxHttpConnections: COUNT,
  maxHttpConnectionsPerAddress: COUNT,
  maxBodyBytes: COUNT,
  headersTimeoutMs: TIMER_MS,
  requestTimeoutMs: TIMER_MS,
  keepAliveTimeoutMs: { ...TIMER_MS, least: 0 },
};

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How often Node checks for late requests: a tenth of the shortest default. */
const CHECK_EVERY_MS = 1_000;

/**
 * Starts the lifespans of an app and its mounts, then listens.
 *
 * ```ts
 * const serving = await serve(app, { port: 0 });
 * console.log(serving.url); // http://127.0.0.1:41235/
 * await serving.close();
 * ```
 *
 * @param app the root app
 * @param options settings; each has a default
 * @throws TypeError for an unknown option, or a value of the wrong kind
 * @throws any error of a lifespan or of listening (`EADDRINUSE`, for example), after the started
 *   lifespans have stopped in reverse order
 */
export async function serve(app: Koa, options: ServeOptions = {}): Promise<Serving> {
  assertOptions(options, KINDS, "serve");
  assertOptions(options.lifespans ?? {}, LIFESPAN_KINDS, "the lifespans of serve");
  const config = { ...DEFAULT_CONFIG, ...options };
  const log = options.log ?? createLog({ level: config.logLevel });
  const server = createServer(options);
  logErrors(app, server, log);
  answerParserErrors(server);
  const admission = admissionOf(app, config);
  server.on("request", logRequests(log));
  const front = frontOf(app, admission, config, () => upgrades.draining);
  server.on("request", oneAtATime(server, front, config.unreadResponseMs));
  const upgrades = attachBehind(admission, server, app, config);
  const drops = new DropLog(log);
  watchDescriptors(server, drops);
  const { sockets } = new HttpConnections(server, upgrades, config, drops);
  logUpgrades(upgrades, log);
  const stopLifespans = await startLifespans(app, options.lifespans, abortOf(options));
  await listenOrStop(server, config, stopLifespans);
  const url = urlOf(server, config, options.tls ? "https" : "http");
  log.info({ event: "listening", url }, `listening on ${url}`);
  const stopSlow = logSlow(upgrades, log);
  const stopLogging = () => {
    stopSlow();
    drops.end();
  };
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
    // Node refuses a headersTimeout longer than the requestTimeout.
    headersTimeout: options.headersTimeoutMs ?? Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
    connectionsCheckingInterval: CHECK_EVERY_MS,
    // To Node, 0 means for ever.
    keepAliveTimeout: Math.max(options.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS, 1),
    ServerResponse: SecureResponse,
  };
  return options.tls
    ? https.createServer({ ...timeouts, handshakeTimeout: timeouts.headersTimeout, ...options.tls })
    : http.createServer(timeouts);
}

async function listenOrStop(
  server: Server,
  place: Parameters<typeof listen>[1],
  stop: () => Promise<void>,
): Promise<void> {
  try {
    await listen(server, place);
  } catch (error) {
    await stop();
    throw error;
  }
}

function abortOf({ signal, graceSeconds }: ServeOptions): StartAbort | undefined {
  if (!signal) return undefined;
  const graceMs = (graceSeconds ?? DEFAULT_CONFIG.graceSeconds) * 1000;
  const startMs = graceMs * HANDLERS_SHARE;
  return { signal, startMs, stopMs: graceMs - startMs };
}
