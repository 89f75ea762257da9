import { parse } from "node:url";
import type Koa from "koa";

/** `.` or `..` as a segment, encoded or not: clients resolve these before they send a path. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** The path of a request target, not decoded: all up to the `?`. */
export function rawPath(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** A target in absolute form (RFC 9112 section 3.2.2), without userinfo, which names no host. */
const ABSOLUTE = /^(?:https?|wss?):\/\/[^/?#@\\]+(?:[/?]|$)/i;
/** Characters that make Koa's parser read a path as a URL; `//?@#` then has no path. */
const PARSED = /[\t\n\f\r #\u00a0\ufeff]/;

/**
 * Whether a request's target has a path: `/path`, `http://host/path`, or the `*` of OPTIONS. For
 * any other target Koa's parser throws, or `ctx.path` is `null`.
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
 * Whether Koa's URL parser leaves a request's target unchanged. The parser turns `/ws\#` into
 * `/ws/`, so code that checks `ctx.path` and code that reads `req.url` would see different paths. A
 * target that is not plain is answered 404 or 403, whichever route matches.
 */
export function isPlain(ctx: Koa.Context): boolean {
  const target = ctx.originalUrl;
  if (!target.startsWith("/") || target.includes("#")) return false;
  const path = rawPath(target);
  if (path.includes("\\") || DOT_SEGMENT.test(path)) return false;
  return ctx.path === rawPath(ctx.url);
}

/**
 * A request's target with a final slash added to its path or removed. Query and encoding stay the
 * same. The result begins with exactly one slash and has no backslash, which browsers read as a
 * slash, so a `Location` made of it stays on this host.
 *
 * @returns undefined when empty segments (`//`) make the slash ambiguous, or the target is not a
 *   plain path
 */
export function otherSlash(target: string): string | undefined {
  const path = rawPath(target);
  if (!path.startsWith("/") || path.includes("//") || path === "/") return undefined;
  if (path.includes("\\") || target.includes("#")) return undefined;
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
  return other + target.slice(path.length);
}
