import { createHash, randomBytes } from "node:crypto";
import type { Context } from "../../lib/index.ts";

const COOKIE = "visitor";
/** 128 bits: nobody guesses another's. */
const NAME_BYTES = 16;
const NAME = /^[\w-]{22}$/;
/** Longer than a task can be waited for; each use begins it anew. */
const LIFETIME_MS = 24 * 60 * 60 * 1_000;

/**
 * Whose tasks a request is about. An anonymous cookie says so, which is made for those who have
 * none: it has a random name and no more, and no script can read it.
 *
 * @returns what tells visitors apart; a digest, for topics have it in their names, and logs have those
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
