import Koa from "koa";
import { rawPath } from "./path.ts";

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
  /** The whole prefix this app hangs under, without a final slash; "" at the root. FastAPI's `root_path`. */
  mountPath: string;
  /** The parameters of the route and of every parameterised prefix above it, decoded. */
  params: Params<Path>;
  /**
   * A link to a named route of this app or of one above it, with every prefix: a path for an
   * HTTP route, `ws(s)://host/path` for a WebSocket route.
   *
   * @throws Error when no route has that name
   */
  urlFor(name: string, params?: Record<string, string | number>): string;
}

/** A request's context, in an app of this framework. */
export type Context<Path extends string = string> = Koa.Context & SubappContext<Path>;

/** Where an app hangs. `ctx.mountPath` says the same, but koa-mount as middleware overwrites it. */
export const PREFIX = Symbol("prefix");

/** What `urlFor` needs of an app. */
interface Linking {
  linkTo?(
    name: string,
    params: Record<string, string | number>,
  ): { path: string; socket: boolean } | undefined;
}

/** See {@link SubappContext.urlFor}. */
export function urlFor(
  this: Context,
  name: string,
  params: Record<string, string | number> = {},
): string {
  for (const ctx of lineage(this)) {
    const link = (ctx.app as Linking).linkTo?.(name, params);
    if (!link) continue;
    const path = `${ctx[PREFIX] ?? ""}${link.path}`;
    return link.socket ? `${ctx.secure ? "wss" : "ws"}://${ctx.host}${path}` : path;
  }
  throw new Error(`expected the name of a route of this app or one above it, but got "${name}"`);
}

/** A context and those it inherits from, the nearest app first. */
export function* lineage(ctx: Context): Generator<Context> {
  for (let at = ctx; at?.app; at = Object.getPrototypeOf(at)) yield at;
}

// Koa reads these two of the root's context; what a sub-app sets or needs must reach it.
const SHARED: PropertyDescriptorMap = {
  respond: {
    get(this: Context) {
      return Object.getPrototypeOf(this).respond;
    },
    set(this: Context, respond: boolean) {
      Object.getPrototypeOf(this).respond = respond;
    },
  },
  cookies: {
    configurable: true,
    get(this: Context) {
      return Object.getPrototypeOf(this).cookies;
    },
  },
};

// Koa's own accessor, which signs with the keys of `ctx.app`, for an app that has some.
const OWN_COOKIES: PropertyDescriptorMap = {
  respond: SHARED.respond as PropertyDescriptor,
  cookies: Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(new Koa().context),
    "cookies",
  ) as PropertyDescriptor,
};

/**
 * The context of a request inside a mounted app. It inherits from the parent's, so what was put
 * there is visible below; request and response are the same objects; the app's own additions to
 * `app.context` are copied onto it and so never show above.
 *
 * @param parent the context the mount was reached with
 * @param app the mounted app
 * @param mountPath the whole prefix
 * @param params what the prefix's parameters matched
 */
export function childContext(
  parent: Context,
  app: Koa,
  mountPath: string,
  params?: Params,
): Context {
  const ctx: Context = Object.create(parent, app.keys ? OWN_COOKIES : SHARED);
  ctx.app = app as Context["app"];
  ctx[PREFIX] = mountPath;
  ctx.mountPath = mountPath;
  ctx.params = { ...parent.params, ...params };
  ctx.urlFor = urlFor;
  // koa-router appends to what it finds here and would answer for the parent's routes.
  ctx.matched = undefined;
  // Koa keeps what the parent has used behind a symbol that is inherited too.
  if (app.keys) Object.assign(ctx, { cookies: undefined });
  // Hidden ones and symbols as well: koa-session defines its own like that.
  if (Reflect.ownKeys(app.context).length > 0) {
    Object.defineProperties(ctx, Object.getOwnPropertyDescriptors(app.context));
  }
  return ctx;
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
  const prefix = original.endsWith(parent.path) ? original.slice(0, -parent.path.length) : "";
  return childContext(parent, app, prefix);
}

/**
 * The context that a handler keeps after its handshake: a request whose path, parameters and
 * address stay what they were, while koa-mount restores the shared one and the socket closes.
 */
export function frozenContext(live: Context): Context {
  const req = Object.create(live.req, {
    url: { value: live.req.url, writable: true },
    // Koa parses the URL once and changes the result in place when the path is restored.
    _parsedUrl: { value: undefined, writable: true },
  });
  const request = Object.create(live.request);
  const ctx: Context = Object.create(live);
  request.req = req;
  request.ctx = ctx;
  request.ip = live.ip;
  ctx.req = req;
  ctx.request = request;
  ctx.params = { ...live.params };
  return ctx;
}
