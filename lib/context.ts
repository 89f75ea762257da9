import type Koa from "koa";

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

/** The context of the app above, in that of a mounted app. */
export const PARENT = Symbol("parent");

/** What comes behind an app that koa-mount has put into a plain Koa app: koa-mount's `next`. */
export const BEHIND = Symbol("behind");

/**
 * Whether users' code has had a context, and may have put something on it. What they put there is
 * looked for by its keys, which costs more than the rest of a copy.
 */
export const SEEN = Symbol("seen");

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

/** A context and those of the apps above it, the nearest app first. */
export function* lineage(ctx: Context): Generator<Context> {
  for (let at: Context | undefined = ctx; at; at = at[PARENT]) yield at;
}

/** The parameters of a context that has none: one object for all, until somebody may add to it. */
export const NO_PARAMS: Params = Object.freeze({});
