import type Koa from "koa";
import type { SubApp } from "./sub-app.ts";

/** Names in a path pattern: `"/:room/:id"` has `room` and `id`. */
type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** The parameters of a path pattern: its own are strings, those of the mounts above may be there. */
export type Params<Path extends string = string> = {
  readonly [Name in ParamNames<Path>]: string;
} & {
  readonly [name: string]: string | undefined;
};

/** What the framework adds to Koa's context. */
export interface SubappContext<Path extends string = string> {
  /**
   * The whole prefix this app hangs under as clients see it, without a final slash; at the root
   * the `rootPath` of the server, "" by default. FastAPI's `root_path`.
   */
  mountPath: string;
  /** The parameters of the route and of every parameterised prefix above it, decoded. */
  params: Params<Path>;
  /**
   * The pattern of the route that the request has met, with those of all prefixes before it:
   * `/orgs/:org/rooms/:id`. Metrics and logs count by it. Middleware has it after `next()`, at any
   * height, and a handler from the beginning; koa-router's `_matchedRoute` is the last part of it.
   * It is undefined where no route was met.
   */
  readonly pattern: string | undefined;
  /**
   * A link to a named route of this app or of one above it, with every prefix: a path for an
   * HTTP route, `ws(s)://host/path` for a WebSocket route.
   *
   * @throws Error when no route has that name
   */
  urlFor(name: string, params?: Record<string, string | number>): string;
}

/**
 * A request's context, in an app of this framework.
 *
 * @typeParam Path the pattern of the route, for `ctx.params`
 * @typeParam State what `ctx.state` has
 * @typeParam Own what middleware and `app.context` have put on it
 */
export type Context<
  Path extends string = string,
  State = Koa.DefaultState,
  Own = Koa.DefaultContext,
> = Koa.ParameterizedContext<State, Own> & SubappContext<Path>;

/** Where an app hangs. `ctx.mountPath` says the same, but koa-mount as middleware overwrites it. */
export const PREFIX = Symbol("prefix");

/** The prefix that a proxy in front strips, on every context where there is one. */
export const ROOT_PATH = Symbol("root path");

/** The pattern of the prefix that an app hangs under: `/orgs/:org` where {@link PREFIX} is `/orgs/acme`. */
export const PATTERN = Symbol("pattern");

/** The context whose app had the route, on a request that has been in a mounted app. */
const MATCHED = Symbol("matched");

/** The context of the app above, in that of a mounted app. */
export const PARENT = Symbol("parent");

/** What comes behind an app that koa-mount has put into a plain Koa app: koa-mount's `next`. */
export const BEHIND = Symbol("behind");

/**
 * Whether users' code has had a context, and may have put something on it. What they put there is
 * looked for by its keys, which costs more than the rest of a copy.
 */
export const SEEN = Symbol("seen");

/** See {@link SubappContext.urlFor}. */
export function urlFor(
  this: Context,
  name: string,
  params: Record<string, string | number> = {},
): string {
  for (const ctx of lineage(this)) {
    const link = (ctx.app as unknown as SubApp).linkTo?.(name, params);
    if (!link) continue;
    const path = `${ctx[PREFIX] ?? ""}${link.path}`;
    return link.socket ? `${ctx.secure ? "wss" : "ws"}://${ctx.host}${path}` : path;
  }
  throw new Error(`expected the name of a route of this app or one above it, but got "${name}"`);
}

/**
 * Notes that a request is leaving a mounted app, so that the contexts above know its route. The
 * deepest app that had one comes first and stays.
 */
export function markRoute(ctx: Context): void {
  const req = ctx.req as Matched;
  if (ctx._matchedRoute !== undefined && !req[MATCHED]) req[MATCHED] = ctx;
}

interface Matched {
  [MATCHED]?: Context;
}

/** See {@link SubappContext.pattern}; for a context that no other is below. */
export function ownPattern(ctx: Context): string | undefined {
  const path = ctx._matchedRoute;
  return path === undefined ? undefined : `${ctx[PATTERN] ?? ""}${path}`;
}

/** {@link SubappContext.pattern}. It can be written, for a plain Koa app may mean its own by it. */
export const PATTERN_PROPERTY: PropertyDescriptor = {
  configurable: true,
  get(this: Context) {
    return ownPattern((this.req as Matched)[MATCHED] ?? this);
  },
  set(this: Context, value: unknown) {
    const own = { configurable: true, enumerable: true, writable: true };
    Object.defineProperty(this, "pattern", { ...own, value });
  },
};

/** A context and those of the apps above it, the nearest app first. */
export function* lineage(ctx: Context): Generator<Context> {
  for (let at: Context | undefined = ctx; at; at = at[PARENT]) yield at;
}

/** The parameters of a context that has none: one object for all, until somebody may add to it. */
export const NO_PARAMS: Params = Object.freeze({});
