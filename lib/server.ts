import http, { type Server as HttpServer } from "node:http";
import https from "node:https";
import type Koa from "koa";
import { logRequests, logSlow, logUpgrades } from "./access-log.ts";
import { type Config, DEFAULT_CONFIG, LOG_LEVELS } from "./config.ts";
import { drain, HANDLERS_SHARE } from "./drain.ts";
import { DropLog, watchDescriptors } from "./dropped.ts";
import { logErrors } from "./error-log.ts";
import { type FrontOptions, frontOf } from "./front.ts";
import { HttpConnections, type HttpLimitOptions } from "./http-connections.ts";
import {
  LIFESPAN_KINDS,
  type LifespanDeadlines,
  type StartAbort,
  startLifespans,
} from "./lifespan.ts";
import { listen, urlOf } from "./listen.ts";
import { createLog, type Logger } from "./log.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import {
  assertOptions,
  COUNT,
  type OptionKinds,
  oneOf,
  optionsOf,
  PER_SECOND,
  TIMER_MS,
} from "./options.ts";
import { answerParserErrors } from "./parser-error.ts";
import { SecureResponse } from "./security-headers.ts";
import { ATTACH_KINDS, type AttachOptions, attach } from "./upgrade.ts";
import type { Upgrades } from "./upgrades.ts";

/** Options of {@link serve}. */
export interface ServeOptions
  extends Partial<Config>,
    AttachOptions,
    FrontOptions,
    HttpLimitOptions {
  /** Where the story is told; by default to standard output at `logLevel`. */
  log?: Logger;
  /** A certificate and its key, to serve https and wss. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Deadlines of the apps' lifespans. */
  lifespans?: LifespanDeadlines;
  /**
   * Ends a start that is under way: no further lifespan starts, those already started stop in
   * reverse, and `serve` throws the signal's reason, within the grace period.
   */
  signal?: AbortSignal;
  /** How long a request's headers may take, in milliseconds; then 408. Default 10,000. */
  headersTimeoutMs?: number;
  /** How long a whole request may take, in milliseconds; then 408. Default 300,000. */
  requestTimeoutMs?: number;
  /**
   * How long a connection is kept for its next request, in milliseconds; 0 keeps none. Default
   * 65,000: longer than the 60 s for which balancers keep theirs, so that none sends a request
   * into a connection that is being closed.
   */
  keepAliveTimeoutMs?: number;
}

/** A served app. */
export interface Serving {
  /**
   * Where it is, with a final slash: `http://127.0.0.1:8000/`, or `http://unix:/run/app.sock:/`
   * as nginx writes a Unix socket.
   */
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
/** How often Node looks for requests that are late: a tenth of the shortest wait. */
const CHECK_EVERY_MS = 1_000;

/**
 * Starts the lifespans of an app and its mounts, listens, and says where.
 *
 * @param app the root app
 * @param options settings; each has a default
 * @throws TypeError for an unknown option, and for a value that is not of its kind
 * @throws what a lifespan or the listening throws (`EADDRINUSE`, say), after stopping in reverse
 *   what was started
 */
export async function serve(app: Koa, options: ServeOptions = {}): Promise<Serving> {
  assertOptions(options, KINDS, "serve");
  assertOptions(options.lifespans ?? {}, LIFESPAN_KINDS, "the lifespans of serve");
  const config = { ...DEFAULT_CONFIG, ...options };
  const log = options.log ?? createLog({ level: config.logLevel });
  const server = createServer(options);
  logErrors(app, server, log);
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
  const upgrades = attach(server, app, optionsOf<AttachOptions>(config, ATTACH_KINDS));
  const drops = new DropLog(log);
  watchDescriptors(server, drops);
  const { sockets } = new HttpConnections(server, upgrades, config, drops);
  logUpgrades(upgrades, log);
  const stopLifespans = await startLifespans(app, options.lifespans, abortOf(options));
  try {
    await listen(server, config);
  } catch (error) {
    await stopLifespans();
    throw error;
  }
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
    // Node refuses headers that may take longer than the whole request.
    headersTimeout: options.headersTimeoutMs ?? Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
    connectionsCheckingInterval: CHECK_EVERY_MS,
    // To Node 0 means for ever.
    keepAliveTimeout: Math.max(options.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS, 1),
    ServerResponse: SecureResponse,
  };
  return options.tls
    ? https.createServer({ ...timeouts, handshakeTimeout: timeouts.headersTimeout, ...options.tls })
    : http.createServer(timeouts);
}

function abortOf({ signal, graceSeconds }: ServeOptions): StartAbort | undefined {
  if (!signal) return undefined;
  const graceMs = (graceSeconds ?? DEFAULT_CONFIG.graceSeconds) * 1000;
  const startMs = graceMs * HANDLERS_SHARE;
  return { signal, startMs, stopMs: graceMs - startMs };
}
