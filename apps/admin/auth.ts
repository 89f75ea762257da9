import { createHash, timingSafeEqual } from "node:crypto";
import { type Context, isHandshake, Refusal } from "koa-subapps";
import type { Guesses } from "./guesses.ts";
import type { Sessions } from "./sessions.ts";
import type { Tickets } from "./tickets.ts";

/** A subprotocol that carries the token, for clients that cannot set headers. */
const BEARER_PROTOCOL = "bearer.";

/** The parts that {@link authenticate} uses. */
export interface AuthParts {
  /** The secret. */
  readonly token: string;
  readonly tickets: Tickets;
  readonly sessions: Sessions;
  readonly guesses: Guesses;
}

type Next = () => Promise<unknown>;

/**
 * Makes ordinary Koa middleware, the same for HTTP and WebSocket. It admits a client that shows the
 * token as `Authorization: Bearer` or as the subprotocol `bearer.<base64url>` (the server never
 * selects that one, so it is not sent back), the cookie of a session, or, for a handshake, an
 * unused `?ticket=`.
 *
 * @returns middleware that answers 401 to every other client, and 429 to an address that guesses
 */
export function authenticate(parts: AuthParts) {
  const { tickets, sessions } = parts;
  const showsToken = tokenCheck(parts);
  return async (ctx: Context, next: Next): Promise<void> => {
    // First, even when the client shows the token too: a ticket in a URL may have been seen, so it
    // must not stay valid.
    const ticket = redeem(ctx, tickets) && isHandshake(ctx.req);
    if (!ticket && !showsToken(ctx) && !sessions.includes(ctx)) refuse(ctx);
    await next();
  };
}

/**
 * Makes middleware that admits only the token itself: a session that may begin another session
 * would never end.
 */
export function requireToken(parts: AuthParts) {
  const showsToken = tokenCheck(parts);
  return async (ctx: Context, next: Next): Promise<void> => {
    if (!showsToken(ctx)) refuse(ctx);
    await next();
  };
}

function refuse(ctx: Context): never {
  ctx.throw(401, "expected a bearer token, or where that is enough a session or a ticket", {
    headers: { "WWW-Authenticate": "Bearer" },
  });
}

// A ticket that is shown twice is refused, and used up too.
function redeem(ctx: Context, tickets: Tickets): boolean {
  const shown = [ctx.query.ticket ?? []].flat();
  const good = shown.filter((ticket) => tickets.redeem(ticket));
  return good.length === 1;
}

/**
 * @returns whether a request shows the token
 * @throws Refusal 429, whatever the token, for an address that has shown too many wrong ones
 */
function tokenCheck({ token, guesses }: AuthParts): (ctx: Context) => boolean {
  const expected = digest(token);
  return (ctx) => {
    const shown = tokensOf(ctx);
    if (shown.length === 0) return false;
    const waitMs = guesses.waitMs(ctx.ip);
    if (waitMs > 0) throw tooManyGuesses(Math.ceil(waitMs / 1_000));
    // Digests have the same length and are compared in constant time, so a guess reveals nothing.
    if (shown.every((guess) => timingSafeEqual(digest(guess), expected))) return true;
    guesses.wrong(ctx.ip);
    return false;
  };
}

function tokensOf(ctx: Context): string[] {
  const [, bearer] = ctx.get("Authorization").match(/^Bearer +(.+)$/i) ?? [];
  const carried = ctx
    .get("Sec-WebSocket-Protocol")
    .split(",")
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  const decoded =
    carried && Buffer.from(carried.slice(BEARER_PROTOCOL.length), "base64url").toString();
  return [bearer, decoded].filter((shown) => shown !== undefined);
}

function tooManyGuesses(seconds: number): Refusal {
  return new Refusal(
    429,
    `expected the right token, but too many wrong ones came from this address; try again in ${seconds} s`,
    { "Retry-After": String(seconds) },
  );
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
