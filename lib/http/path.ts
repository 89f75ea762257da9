import { parse } from "node:url";
import type Koa from "koa";

/** `.` or `..` as a segment, encoded or not: clients resolve these before they send a path. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** The path of a request target as it was sent: all up to the `?`. */
export function rawPath(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** A target in absolute form (RFC 9112 section 3.2.2), without userinfo, which names no host. */
const ABSOLUTE = /^(?:https?|wss?):\/\/[^/?#@\\]+(?:[/?]|$)/i;
/** What makes Koa's parser read a path as a URL, in which `//?@#` has none. */
const PARSED = /[\t\n\f\r #\u00a0\ufeff]/;

/**
 * Whether a request's target has a path: `/path`, `http://host/path`, or the `*` of OPTIONS. Of
 * anything else Koa's parser makes a `ctx.path` that is `null`, or it throws.
 *
 * @param target a request target as it was sent
 * @param method the request's method
 */
export function hasPath(target: string, method: string | undefined): boolean {
  const isAbsolute = !target.startsWith("/");
  if (!isAbsolute && !PARSED.test(target)) return true;
  if (target === "*") return method === "OPTIONS";
  if (isAbsolute && !ABSOLUTE.test(target)) return false;
  try {
    return parse(target).pathname?.startsWith("/") === true;
  } catch {
    return false;
  }
}

/**
 * Whether a request's target means to Koa's URL parser what it says: the parser turns `/ws\#`
 * into `/ws/`, so a check on `ctx.path` and a look at `req.url` would be about different paths.
 * What is not plain is answered 404 or 403, whatever might match it.
 */
export function isPlain(ctx: Koa.Context): boolean {
  const target = ctx.originalUrl;
  if (!target.startsWith("/") || target.includes("#")) return false;
  const path = rawPath(target);
  if (path.includes("\\") || DOT_SEGMENT.test(path)) return false;
  return ctx.path === rawPath(ctx.url);
}

/**
 * The target of a request with a slash added to its path or taken from it, query and encoding as
 * they were sent. It begins with exactly one slash and has no backslash, which browsers read as
 * one, so a `Location` made of it stays on this host.
 *
 * @returns undefined where empty segments (`//`) make the slash ambiguous, or the target is no
 *   plain path
 */
export function otherSlash(target: string): string | undefined {
  const path = rawPath(target);
  if (!path.startsWith("/") || path.includes("//") || path === "/") return undefined;
  if (path.includes("\\") || target.includes("#")) return undefined;
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
  return other + target.slice(path.length);
}
