import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { clientBehind, compileTrust, forwardedFor, type Trust } from "./client.ts";
import { assertOrigins, canonicalHost, hostAllowed, originAllowed } from "./origin.ts";
import { hasPath, rawPath } from "./path.ts";
import { Refusal, shown } from "./refusal.ts";

/** Which requests and handshakes the server admits. It checks them before any middleware. */
export interface AdmissionOptions {
  /**
   * Host names that the server answers to, beside loopback. A name without a port allows any port.
   * A page on another name that resolves to this address (DNS rebinding) gets 421. Default none.
   */
  allowedHosts?: readonly string[];
  /**
   * Origins that may open WebSockets or send unsafe requests, beside the server's own. Default
   * none.
   */
  allowedOrigins?: readonly string[];
  /**
   * Addresses, CIDR ranges or `loopback`, `linklocal`, `uniquelocal` of trusted proxies: the server
   * believes their `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`. `unix` trusts the other end of
   * a Unix socket. Default none.
   */
  trustProxy?: readonly string[];
}

/**
 * Methods that change nothing (RFC 9110 section 9.2.1). A page of any origin can send these anyway,
 * with a form or an image.
 */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
const FORWARDED = [
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
] as const;
/** Some proxies (Traefik) send the WebSocket's scheme. Any other value is ignored. */
const SCHEMES: ReadonlyMap<string, string> = new Map([
  ["https", "https"],
  ["http", "http"],
  ["wss", "https"],
  ["ws", "http"],
]);

/** A server's check of requests and handshakes. */
export interface Admission {
  /**
   * Checks a request.
   *
   * @param isHandshake whether the request opens a WebSocket. A handshake is a GET, yet it is not
   *   safe: it opens a two-way channel, so its Origin is always checked
   * @throws Refusal 400 for a wrong target, 421 for a wrong Host, 403 for a wrong Origin
   */
  check(req: IncomingMessage, isHandshake: boolean): void;
  /** Whether an address is a trusted proxy's. */
  trusts(address: string): boolean;
}

/** The settings of the apps on the way to a path. */
export interface PathSettings {
  readonly allowedOrigins: readonly string[] | undefined;
  readonly maxBodyBytes: number | undefined;
}

/**
 * Makes a server's check of requests and handshakes.
 *
 * The check first settles the forwarded headers: it keeps those of a trusted proxy and deletes
 * those of any other client, so that a client cannot choose Koa's `ctx.ip`, `ctx.protocol` and
 * `ctx.host`.
 *
 * ```ts
 * const options = { allowedHosts: ["chat.example.com"], trustProxy: ["loopback"] };
 * const admission = createAdmission(options, () => undefined);
 * server.on("request", (req, res) => {
 *   try {
 *     admission.check(req, false);
 *   } catch (refusal) {
 *     writeRefusal(res, refusal as Refusal);
 *   }
 * });
 * ```
 *
 * @param options see {@link AdmissionOptions}
 * @param settingsAt returns the settings of the apps on the way to a raw path; these may allow
 *   more origins
 * @throws TypeError for an option that names no host, origin or proxy
 */
export function createAdmission(
  options: AdmissionOptions,
  settingsAt: (path: string) => PathSettings | undefined,
): Admission {
  const trust = compileTrust(options.trustProxy ?? []);
  const hosts = canonicalHosts(options.allowedHosts ?? []);
  const origins = options.allowedOrigins ?? [];
  assertOrigins(origins);
  const isOwn = ownOrigins(origins);
  // The last admitted host. Most clients use one host and one page, and parsing a URL costs more
  // than the rest of the check.
  let lastHost: string | undefined;
  const check = (req: IncomingMessage, isHandshake: boolean): void => {
    const { url = "", headers } = req;
    if (!hasPath(url, req.method)) throw new Refusal(400, WRONG_TARGET);
    settleForwarded(req, trust);
    const host = String(headers["x-forwarded-host"] ?? headers.host ?? "");
    if (host !== lastHost) {
      if (!hostAllowed(host, hosts)) throw refusal(421, WRONG_HOST, host);
      lastHost = host;
    }
    if (!isHandshake && SAFE.has(req.method ?? "")) return;
    const { origin } = headers;
    if (origin === undefined) {
      if (isOfAnotherSite(headers["sec-fetch-site"])) throw new Refusal(403, WRONG_SITE);
      return;
    }
    if (isOwn(origin, `${schemeOf(req)}://${host}`)) return;
    const own = settingsAt(rawPath(url))?.allowedOrigins ?? [];
    if (!originAllowed(origin, "", own)) throw refusal(403, WRONG_ORIGIN, origin);
  };
  return { check, trusts: trust.address };
}

// Whether an origin is the server's own or among `origins`. Remembers the last admitted origin.
function ownOrigins(origins: readonly string[]): (origin: string, own: string) => boolean {
  let lastOrigin: string | undefined;
  let lastOwn: string | undefined;
  return (origin, own) => {
    if (origin === lastOrigin && own === lastOwn) return true;
    if (!originAllowed(origin, own, origins)) return false;
    lastOrigin = origin;
    lastOwn = own;
    return true;
  };
}

// The answer repeats nothing of the request. The log has the value that came.
function refusal(status: number, message: string, came: string): Refusal {
  return new Refusal(status, message, {}, `${message}: ${shown(came)}`);
}

const WRONG_TARGET = "expected a request target that is a path";
const WRONG_HOST =
  "expected a Host that this server answers to, but got another; name it in ALLOWED_HOSTS";
const WRONG_ORIGIN =
  "expected an Origin that is this server's own or one of ALLOWED_ORIGINS, but got another";
const WRONG_SITE = "expected an Origin header, because a page of another site sent this request";

// A browser that sends no Origin, because of a policy or an extension, still sends Sec-Fetch-Site.
function isOfAnotherSite(site: string | string[] | undefined): boolean {
  return site !== undefined && site !== "same-origin" && site !== "none";
}

function settleForwarded(req: IncomingMessage, trust: Trust): void {
  const { headers, socket } = req;
  if (!trust.peer(socket)) {
    for (const name of FORWARDED) if (name in headers) delete headers[name];
    return;
  }
  const chain = String(headers["x-forwarded-for"] ?? "");
  const client = clientBehind(chain, socket.remoteAddress ?? "", trust.address);
  if (client !== "") forwardedFor(req, client);
  replace(headers, "x-forwarded-for", client);
  // For scheme, host and port, the value of the nearest proxy counts.
  for (const name of ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"] as const) {
    replace(
      headers,
      name,
      String(headers[name] ?? "")
        .split(",")
        .at(-1)
        ?.trim(),
    );
  }
  replace(headers, "x-forwarded-proto", SCHEMES.get(lower(headers["x-forwarded-proto"])));
  replace(headers, "x-forwarded-host", withPort(headers));
}

function replace(headers: IncomingHttpHeaders, name: string, value: string | undefined): void {
  if (value) headers[name] = value;
  else delete headers[name];
}

function lower(value: string | string[] | undefined): string {
  return String(value ?? "").toLowerCase();
}

// A proxy may forward the host name and the port in two headers. The default ports are ignored: a
// proxy behind a TLS terminator sends its own port 80.
function withPort(headers: IncomingHttpHeaders): string | undefined {
  const forwarded = headers["x-forwarded-host"] as string | undefined;
  const port = String(headers["x-forwarded-port"] ?? "");
  const host = forwarded ?? headers.host ?? "";
  if (!/^[1-9]\d{0,4}$/.test(port) || port === "80" || port === "443") return forwarded;
  return host === "" || /:\d*$/.test(host) ? forwarded : `${host}:${port}`;
}

function schemeOf(req: IncomingMessage): string {
  const encrypted = (req.socket as { encrypted?: boolean }).encrypted === true;
  return String(req.headers["x-forwarded-proto"] ?? (encrypted ? "https" : "http"));
}

function canonicalHosts(hosts: readonly string[]): Set<string> {
  const all = hosts.map((host) => {
    const canonical = canonicalHost(host);
    if (canonical) return canonical;
    throw new TypeError(`expected allowedHosts to be names without a scheme, but got "${host}"`);
  });
  return new Set(all);
}
