import type { IncomingMessage } from "node:http";
import type Koa from "koa";
import proxyAddr from "proxy-addr";
import { forwardedFor } from "./address.ts";
import { handshakeOf } from "./handshake.ts";
import { hostAllowed, originAllowed } from "./origin.ts";
import { rawPath } from "./path.ts";
import { Refusal } from "./refusal.ts";

/** Who may come in: what is checked of every request and handshake before any middleware. */
export interface DoorOptions {
  /**
   * Host names the server answers to beside loopback, without a port for any port; a page on
   * another name that resolves to this address (DNS rebinding) gets 421. Default none.
   */
  allowedHosts?: readonly string[];
  /** Origins that may connect or change something beside the server's own. Default none. */
  allowedOrigins?: readonly string[];
  /**
   * Addresses, CIDR ranges or `loopback`, `linklocal`, `uniquelocal` of the proxies whose
   * `X-Forwarded-For`, `-Proto` and `-Host` are believed. Default none.
   */
  trustProxy?: readonly string[];
}

/** Methods that change nothing (RFC 9110 section 9.2.1): a foreign page may send these. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
const FORWARDED = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] as const;

/** The check of a server's door. */
export interface Door {
  /**
   * Lets a request in.
   *
   * @throws Refusal 421 for its Host, 403 for its Origin
   */
  check(req: IncomingMessage): void;
  /** Whether an address is a proxy's that is trusted. */
  trusts(address: string): boolean;
}

/** What the apps on the way to a path have set for the door. */
export interface PathSettings {
  readonly allowedOrigins: readonly string[] | undefined;
  readonly maxBodyBytes: number | undefined;
}

/** An app that has settings of its own at some paths; a plain Koa app has none. */
export interface Settled {
  settingsAt?(path: string): PathSettings;
}

/**
 * Makes the check of a server's door.
 *
 * It first makes the request say the truth about itself: what a trusted proxy forwarded replaces
 * what it said of itself, and what anybody else claims to have forwarded is dropped, so that
 * Koa's `ctx.ip`, `ctx.protocol` and `ctx.host` cannot be steered by a client.
 *
 * @param app the root app; it and its mounts may allow origins of their own
 * @param options see {@link DoorOptions}
 */
export function createDoor(app: Koa & Settled, options: DoorOptions): Door {
  const { trustProxy } = options;
  const trust = trustProxy?.length ? proxyAddr.compile([...trustProxy]) : () => false;
  const hosts = new Set(options.allowedHosts?.map((host) => host.toLowerCase()));
  const origins = options.allowedOrigins ?? [];
  // The last that was let in: most clients come to one host and from one page, and reading a URL
  // costs more than all the rest of the check.
  let lastHost: string | undefined;
  let lastOrigin: string | undefined;
  let lastOwn: string | undefined;
  const isOwn = (origin: string, own: string): boolean => {
    if (origin === lastOrigin && own === lastOwn) return true;
    if (!originAllowed(origin, own, origins)) return false;
    lastOrigin = origin;
    lastOwn = own;
    return true;
  };
  const check = (req: IncomingMessage): void => {
    settleForwarded(req, trust);
    const host = String(req.headers["x-forwarded-host"] ?? req.headers.host ?? "");
    if (host !== lastHost) {
      if (!hostAllowed(host, hosts)) throw new Refusal(421, WRONG_HOST);
      lastHost = host;
    }
    const { origin } = req.headers;
    if (origin === undefined || !changesSomething(req)) return;
    if (isOwn(origin, `${schemeOf(req)}://${host}`)) return;
    const own = app.settingsAt?.(rawPath(req.url ?? "")).allowedOrigins ?? [];
    if (!originAllowed(origin, "", own)) throw new Refusal(403, WRONG_ORIGIN);
  };
  return { check, trusts: (address) => trust(address, 0) };
}

const WRONG_HOST = "this server does not answer to that Host; ALLOWED_HOSTS names those it does";
const WRONG_ORIGIN =
  "expected an Origin that is this server's own or one of ALLOWED_ORIGINS, but got another";

// A page of any origin may read through a form or an image what needs no permission; a handshake
// has a method that is safe and is not.
function changesSomething(req: IncomingMessage): boolean {
  return !SAFE.has(req.method ?? "") || handshakeOf(req) !== undefined;
}

function settleForwarded(
  req: IncomingMessage,
  trust: (address: string, hop: number) => boolean,
): void {
  const peer = req.socket.remoteAddress;
  if (!peer || !trust(peer, 0)) {
    for (const name of FORWARDED) if (name in req.headers) delete req.headers[name];
    return;
  }
  // The nearest hop that is no proxy of ours; what stands before it, anybody can have written.
  const client = proxyAddr(req, trust);
  forwardedFor(req, client);
  req.headers["x-forwarded-for"] = client;
  for (const name of ["x-forwarded-proto", "x-forwarded-host"] as const) {
    const last = String(req.headers[name] ?? "")
      .split(",")
      .at(-1)
      ?.trim();
    if (last) req.headers[name] = last;
    else delete req.headers[name];
  }
}

function schemeOf(req: IncomingMessage): string {
  const encrypted = (req.socket as { encrypted?: boolean }).encrypted === true;
  return String(req.headers["x-forwarded-proto"] ?? (encrypted ? "https" : "http"));
}
