import type Koa from "koa";
import { rawPath } from "../http/path.ts";
import {
  BEHIND,
  type Context,
  PARENT,
  PATTERN,
  PATTERN_PROPERTY,
  type Params,
  PREFIX,
  ROOT_PATH,
  SEEN,
} from "./context.ts";
import { COOKIES, contextsBelow, unseenByAdditions } from "./prototype.ts";

/** What a copy has of its own by the way it is made. */
const OWN: ReadonlySet<PropertyKey> = new Set<PropertyKey>([
  ...["app", "request", "response", "req", "res", "originalUrl", "state", "respond"],
  ...["mountPath", "params", "matched", "_matchedRoute", PREFIX, PARENT, PATTERN, BEHIND],
]);

/**
 * The context of a request inside a mounted app. It has what middleware above has put on the
 * parent's; request and response are the same objects; the app's own additions to `app.context`
 * show on it and never above.
 *
 * It is a copy, and no object that inherits from the parent's: V8 gives each object that becomes
 * a prototype a shape of its own, and every access to what inherits from it is then a slow one.
 *
 * @param parent the context the mount was reached with
 * @param app the mounted app
 * @param mountPath the whole prefix
 * @param pattern the pattern of the whole prefix
 * @param params what the prefix's parameters matched
 */
export function childContext(
  parent: Context,
  app: Koa,
  mountPath: string,
  pattern: string,
  params?: Params,
): Context {
  const below = contextsBelow(parent, app);
  const ctx = new below.copy(parent);
  ctx.app = app as Context["app"];
  ctx.request = parent.request;
  ctx.req = parent.req;
  // Cookies are signed with the keys of an app, and its additions are above the parent's.
  const isHidden = (key: PropertyKey) => key === COOKIES || Object.hasOwn(app.context, key);
  copySeen(parent, ctx, isHidden, below.overrides ? shownWithoutAdditions : undefined);
  ctx[PREFIX] = mountPath;
  ctx[PATTERN] = pattern;
  ctx[PARENT] = parent;
  ctx.mountPath = mountPath;
  if (params) ctx.params = { ...parent.params, ...params };
  // koa-router appends to what it finds here and would answer for the parent's routes.
  ctx.matched = undefined;
  ctx._matchedRoute = undefined;
  return ctx;
}

/**
 * Copies what users have put on a context onto its copy.
 *
 * @param isHidden what is not copied
 * @param shown what becomes of a property on its way; it stays as it is by default
 */
export function copySeen(
  from: Context,
  to: Context,
  isHidden?: (key: PropertyKey) => boolean,
  shown?: (key: PropertyKey, property: PropertyDescriptor) => PropertyDescriptor,
): void {
  if (!from[SEEN]) return;
  for (const key of Reflect.ownKeys(from)) {
    if (OWN.has(key) || isHidden?.(key)) continue;
    // A descriptor: it may be an accessor that computes something when it is asked.
    const property = Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    Object.defineProperty(to, key, shown ? shown(key, property) : property);
  }
}

// By its name it is private to what has put it there, an addition of the app above perhaps.
function shownWithoutAdditions(key: PropertyKey, property: PropertyDescriptor): PropertyDescriptor {
  const isPrivate = typeof key === "symbol" || String(key).startsWith("_");
  return isPrivate && key !== SEEN && "value" in property
    ? unseenByAdditions(key, property.value)
    : property;
}

/**
 * The context for an app of ours under a plain Koa app, where koa-mount has stripped the prefix
 * but made no context.
 *
 * @returns undefined when koa-mount made a `/` of a prefix without the slash after it
 */
export function contextUnderKoaMount(parent: Context, app: Koa): Context | undefined {
  const original = rawPath(parent.originalUrl);
  if (parent.path === "/" && !original.endsWith("/")) return undefined;
  parent[SEEN] = true;
  const prefix = original.endsWith(parent.path) ? original.slice(0, -parent.path.length) : "";
  if (!("pattern" in parent)) Object.defineProperty(parent, "pattern", PATTERN_PROPERTY);
  const root = parent[ROOT_PATH] ?? "";
  const whole = root + prefix;
  const below = whole.slice((parent[PREFIX] ?? root).length);
  return childContext(parent, app, whole, (parent[PATTERN] ?? "") + below);
}
