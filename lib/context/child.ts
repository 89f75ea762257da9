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

/** Properties that a copy's constructor sets; they are never copied from the parent. */
const OWN: ReadonlySet<PropertyKey> = new Set<PropertyKey>([
  ...["app", "request", "response", "req", "res", "originalUrl", "state", "respond"],
  ...["mountPath", "params", "matched", "_matchedRoute", PREFIX, PARENT, PATTERN, BEHIND],
]);

/**
 * Makes the context of a request inside a mounted app. The child has the properties that
 * middleware above has put on the parent, and shares the parent's request and response. The app's
 * additions to `app.context` show on the child, but never on the parent.
 *
 * The child is a copy; it does not inherit from the parent. V8 gives each object that becomes a
 * prototype a shape of its own, so every access to an heir of a request's context would be slow.
 *
 * @param parent the context of the app above
 * @param app the mounted app
 * @param mountPath the whole prefix
 * @param pattern the pattern of the whole prefix
 * @param params the values of the prefix's parameters
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
  // Each app signs cookies with its own keys, and its own additions override the parent's.
  const isHidden = (key: PropertyKey) => key === COOKIES || Object.hasOwn(app.context, key);
  copySeen(parent, ctx, isHidden, below.overrides ? shownWithoutAdditions : undefined);
  ctx[PREFIX] = mountPath;
  ctx[PATTERN] = pattern;
  ctx[PARENT] = parent;
  ctx.mountPath = mountPath;
  if (params) ctx.params = { ...parent.params, ...params };
  // koa-router appends to this list, and would also answer for the parent's routes in it.
  ctx.matched = undefined;
  ctx._matchedRoute = undefined;
  return ctx;
}

/**
 * Copies the properties that users have put on a context onto its copy.
 *
 * @param isHidden says which properties are not copied. Default: all are copied
 * @param shown changes a property on its way. Default: it stays as it is
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
    // Copied by descriptor, because the property may be an accessor that computes its value.
    const property = Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    Object.defineProperty(to, key, shown ? shown(key, property) : property);
  }
}

// The name says that the property is private to its owner, perhaps an addition of the app above.
function shownWithoutAdditions(key: PropertyKey, property: PropertyDescriptor): PropertyDescriptor {
  const isPrivate = typeof key === "symbol" || String(key).startsWith("_");
  return isPrivate && key !== SEEN && "value" in property
    ? unseenByAdditions(key, property.value)
    : property;
}

/**
 * Makes the context of an App under a plain Koa app, where koa-mount has stripped the prefix but
 * made no context.
 *
 * @returns undefined when the client's path is the prefix without a final slash: koa-mount shows
 *   such a path as `/`
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
