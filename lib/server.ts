import http, { type Server as HttpServer } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type Koa from "koa";
import { logRequests, logSlow, logUpgrades } from "./access-log.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";
import { drain, socketsOf } from "./drain.ts";
import { logErrors } from "./error-log.ts";
import { type FrontOptions, frontOf } from "./front.ts";
import { type LifespanDeadlines, startLifespans } from "./lifespan.ts";
import { createLog, type Logger } from "./log.ts";
import { assertOptions, type OptionKinds } from "./options.ts";
import { type AttachOptions, attach } from "./upgrade.ts";
import type { Upgrades } from "./upgrades.ts";

/** Options of {@link serve}. */
export interface ServeOptions extends Partial<Config>, AttachOptions, FrontOptions {
  /** Where the story is told; by default to standard output at `logLevel`. */
  log?: Logger;
  /** A certificate and its key, to serve https and wss. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Deadlines of the apps' lifespans. */
  lifespans?: LifespanDeadlines;
  /** How long a request's headers may take, in milliseconds; then 408. Default 10,000. */
  headersTimeoutMs?: number;
  /** How long a whole request may take, in milliseconds; then 408. Default 300,000. */
  requestTimeoutMs?: number;
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
};

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** How often Node looks for requests that are late: a tenth of the shortest wait. */
const CHECK_EVERY_MS = 1_000;

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
  server.on("request", logRequests(log));
  server.on(
    "request",
    frontOf(app, config, () => upgrades.draining),
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
  };
  return options.tls
    ? https.createServer({ ...timeouts, handshakeTimeout: timeouts.headersTimeout, ...options.tls })
    : http.createServer(timeouts);
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
