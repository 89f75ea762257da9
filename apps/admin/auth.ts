import { createHash, timingSafeEqual } from "node:crypto";
import type { Context } from "../../lib/index.ts";
import type { Tickets } from "./tickets.ts";

/** The session cookie: when it ends, signed by Koa with the app's keys. */
const COOKIE = "admin";
const SESSION_MS = 8 * 60 * 60 * 1_000;
/** A subprotocol that carries the token, for clients that cannot set headers. */
const BEARER_PROTOCOL = "bearer.";

/**
 * Ordinary Koa middleware, one for HTTP and WebSocket: it lets in who shows the token as
 * `Authorization: Bearer`, the session cookie, the token as the subprotocol `bearer.<base64url>`
 * (it is never selected, so it does not come back), or an unused `?ticket=`.
 *
 * @param token the secret
 * @param tickets the tickets that were issued
 * @returns middleware that answers 401 to everybody else
 */
export function authenticate(token: string, tickets: Tickets) {
  return async (ctx: Context, next: () => Promise<void>): Promise<void> => {
    const { ticket } = ctx.query;
    const known =
      showsToken(ctx, token) ||
      hasSession(ctx) ||
      (typeof ticket === "string" && tickets.redeem(ticket));
    if (!known) {
      ctx.throw(401, "expected a bearer token, a session or a ticket", {
        headers: { "WWW-Authenticate": "Bearer" },
      });
    }
    await next();
  };
}

/** Begins a session: the browser shows the cookie by itself, also when it opens a WebSocket. */
export function beginSession(ctx: Context): void {
  const expires = new Date(Date.now() + SESSION_MS);
  ctx.cookies.set(COOKIE, String(expires.getTime()), {
    signed: true,
    httpOnly: true,
    sameSite: "strict",
    secure: ctx.secure,
    path: `${ctx.mountPath}/`,
    expires,
  });
}

/** Ends the session in this browser. */
export function endSession(ctx: Context): void {
  ctx.cookies.set(COOKIE, null, { signed: true, path: `${ctx.mountPath}/` });
}

function hasSession(ctx: Context): boolean {
  return Number(ctx.cookies.get(COOKIE, { signed: true }) ?? 0) > Date.now();
}

function showsToken(ctx: Context, token: string): boolean {
  const [, bearer] = ctx.get("Authorization").match(/^Bearer (.+)$/i) ?? [];
  const offered = ctx
    .get("Sec-WebSocket-Protocol")
    .split(",")
    .map((protocol) => protocol.trim());
  const carried = offered.find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  const decoded =
    carried && Buffer.from(carried.slice(BEARER_PROTOCOL.length), "base64url").toString();
  return [bearer, decoded].some((shown) => shown !== undefined && same(shown, token));
}

// Digests have one length and are compared in one time, so a guess teaches nothing.
function same(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
