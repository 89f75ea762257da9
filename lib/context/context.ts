import type Koa from "koa";
import type { SubApp } from "./sub-app.ts";

/** The parameter names in a path pattern: `"/:room/:id"` has `room` and `id`. */
type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** Parameters of a path pattern. Its own are strings; those of mounts above may be undefined. */
export type Params<Path extends string = string> = {
  readonly [Name in ParamNames<Path>]: string;
} & {
  readonly [name: string]: string | undefined;
};

/** The framework's additions to Koa's context. */
export interface SubappContext<Path extends string = string> {
  /**
   * The whole prefix of this app, as clients see it, without a final slash. In the root app it is
   * the server's `rootPath`, "" by default. FastAPI calls it `root_path`.
   */
  mountPath: string;
  /** The parameters of the route and of every prefix above it, decoded. */
  params: Params<Path>;
  /**
   * The pattern of the request's route, with the patterns of all prefixes before it:
   * `/orgs/:org/rooms/:id`. Use it to count in metrics and logs. Middleware of every app on the way
   * has it after `next()`; a handler has it from the beginning. koa-router's `_matchedRoute` is its
   * last part. It is undefined when no route matched.
   */
  readonly pattern: string | undefined;
  /**
   * Makes a link to a named route of this app or of an app above, with every prefix. For an HTTP
   * route it is a path, for a WebSocket route `ws://host/path` or `wss://host/path`.
   *
   * @throws Error when no route has that name
   */
  urlFor(name: string, params?: Record<string, string | number>): string;
}

/**
 * The context of a request or handshake in an App: Koa's own, and {@link SubappContext}.
 *
 * ```ts
 * import { App, serve } from "koa-subapps";
 *
 * const chat = new App();
 * chat.websocket("/rooms/:id", async (socket, ctx) => {
 *   // A client of ws://127.0.0.1:8000/chat/rooms/7 reads "7 /chat /chat/rooms/:id".
 *   await socket.send(`${ctx.params.id} ${ctx.mountPath} ${ctx.pattern}`);
 * });
 * await serve(new App().mount("/chat", chat), { port: 8000 });
 * ```
 *
 * @typeParam Path the pattern of the route, for the type of `ctx.params`
 * @typeParam State the type of `ctx.state`
 * @typeParam Own what middleware and `app.context` have put on the context
 */
export type Context<
  Path extends string = string,
  State = Koa.DefaultState,
  Own = Koa.DefaultContext,
> = Koa.ParameterizedContext<State, Own> & SubappContext<Path>;

/** The whole prefix of an app. `ctx.mountPath` is the same, but koa-mount may overwrite that. */
export const PREFIX = Symbol("prefix");

/** The prefix that a proxy strips; undefined on the contexts of a server without `rootPath`. */
export const ROOT_PATH = Symbol("root path");

/** The pattern of an app's whole prefix: `/orgs/:org` where {@link PREFIX} is `/orgs/acme`. */
export const PATTERN = Symbol("pattern");

/** The context whose app has the matched route; on the request, set by mounted apps. */
const MATCHED = Symbol("matched");

/** The context of the app above, on the context of a mounted app. */
export const PARENT = Symbol("parent");

/** koa-mount's `next`, on the context of an App that koa-mount has put into a plain Koa app. */
export const BEHIND = Symbol("behind");

/**
 * Whether users' code has seen a context, and may have put properties on it. A copy looks for such
 * properties only then, because the search for them costs more than the rest of the copy.
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
 * Tells the contexts above which route a request has matched, when the request leaves a mounted
 * app. The deepest app with a matched route comes first and wins.
 */
export function markRoute(ctx: Context): void {
  const req = ctx.req as Matched;
  if (ctx._matchedRoute !== undefined && !req[MATCHED]) req[MATCHED] = ctx;
}

interface Matched {
  [MATCHED]?: Context;
}

/** Gives {@link SubappContext.pattern} for a context that has no context below it. */
export function ownPattern(ctx: Context): string | undefined {
  const path = ctx._matchedRoute;
  return path === undefined ? undefined : `${ctx[PATTERN] ?? ""}${path}`;
}

/** {@link SubappContext.pattern}. A plain Koa app may write a property of its own by this name. */
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

/** Yields a context and the contexts of the apps above it, the nearest first. */
export function* lineage(ctx: Context): Generator<Context> {
  for (let at: Context | undefined = ctx; at; at = at[PARENT]) yield at;
}

/** Shared by all contexts without parameters, until users' code may add parameters. */
export const NO_PARAMS: Params = Object.freeze({});
