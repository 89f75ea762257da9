import { createHash, randomBytes } from "node:crypto";
import type { Context } from "koa-subapps";

const COOKIE = "visitor";
/** 128 bits: a client cannot guess the cookie of another. */
const NAME_BYTES = 16;
const NAME = /^[\w-]{22}$/;
/** Longer than any task lives. Each use renews the cookie. */
const LIFETIME_MS = 24 * 60 * 60 * 1_000;

/**
 * Finds the visitor of a request by an anonymous cookie, and sets the cookie if there is none. The
 * cookie holds only a random name, and scripts cannot read it.
 *
 * @returns a digest of the visitor's name; a digest, because topic names contain it, and logs
 *   contain topic names
 */
export function visitorOf(ctx: Context): string {
  const shown = ctx.cookies.get(COOKIE, { signed: false }) ?? "";
  const name = NAME.test(shown) ? shown : randomBytes(NAME_BYTES).toString("base64url");
  ctx.cookies.set(COOKIE, name, {
    signed: false,
    httpOnly: true,
    sameSite: "strict",
    secure: ctx.secure,
    path: `${ctx.mountPath}/`,
    maxAge: LIFETIME_MS,
  });
  return createHash("sha256").update(name).digest("base64url");
}
