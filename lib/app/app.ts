import http, { type Server } from "node:http";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import Koa from "koa";
import compose from "koa-compose";
import type { MessageKind } from "../connection/options.ts";
import { prepareContext } from "../context/app-context.ts";
import { contextUnderKoaMount } from "../context/child.ts";
import {
  BEHIND,
  type Context,
  NO_PARAMS,
  PARENT,
  PREFIX,
  SEEN,
  type SubappContext,
} from "../context/context.ts";
import { onerrorAbove, rethrow } from "../context/errors.ts";
import type { PathSettings } from "../http/admission.ts";
import { Limits } from "../http/capacity.ts";
import { isPlain, otherSlash, rawPath } from "../http/path.ts";
import { normalise } from "../http/prefix.ts";
import { parseQueriesOnce } from "../http/query.ts";
import type { Handler } from "../route/handler.ts";
import {
  type AnyRouteOptions,
  type JsonHandler,
  type JsonRouteOptions,
  type RouteMiddleware,
  type RouteOptions,
  websocketRoute,
} from "../route/route.ts";
import { attach } from "../upgrade/attach.ts";
import { assertWithoutLifespans, isStarted, type Lifespan, lateLifespan } from "./lifespan.ts";
import { leave, Mount } from "./mount.ts";
import { MountTable } from "./mount-table.ts";
import { answerBehind, answerMissingSlash, answerNothing } from "./not-found.ts";
import { type AppOptions, assertAppOptions } from "./options.ts";
import { type Router, Routes } from "./route-table.ts";

type Middleware = Koa.Middleware;

const CREATE_CONTEXT = Koa.prototype.createContext;

/** What composes middleware, as Koa's option `compose` gives it. */
type Compose = (middleware: Middleware[]) => (ctx: Koa.Context) => Promise<void>;

type Rest<Path extends string, Kind extends MessageKind, State, Own> = [
  ...RouteMiddleware<State, Own>[],
  Handler<Path, Kind, State, Own>,
];

/**
 * A Koa app whose features can be WebSockets and other apps. All of its `use()` middleware,
 * whenever registered, runs before its mounts and routes, for requests and handshakes alike.
 *
 * ```ts
 * const app = new App();
 * app.mount("/ws", echo);
 * ```
 *
 * @typeParam State what `ctx.state` has, in its middleware, routes and handlers
 * @typeParam Own what its middleware, those above it and `app.context` put on `ctx`
 */
export class App<State = Koa.DefaultState, Own = Koa.DefaultContext> extends Koa {
  readonly #routes = new Routes();
  readonly #table = new MountTable<Mount>();
  readonly #mounts: Mount[] = [];
  readonly #lifespans: Lifespan[] = [];
  readonly #stack: Middleware[] = [];
  readonly #settings: PathSettings;
  readonly #compose: Compose;
  // Made of the stack when it is first needed: the compose function may be the user's own.
  #run: ReturnType<Compose> | undefined;

  /** Counts the app's connections, where it has a limit of its own. */
  readonly limits: Limits | undefined;

  /**
   * @param options Koa's own options, and those of {@link AppOptions}
   * @throws TypeError for an option that there is not
   */
  constructor(options: AppOptions = {}) {
    super(options);
    assertAppOptions(options);
    const { allowedOrigins, maxBodyBytes, maxConnections } = options;
    this.#settings = { allowedOrigins, maxBodyBytes };
    this.limits = maxConnections === undefined ? undefined : new Limits({ maxConnections });
    // Koa, koa-mount and `attach` all compose this array once; what it does may change later. The
    // user's compose function is for the user's middleware.
    const enter: Middleware = (ctx, next) => this.#enter(ctx as Context, next);
    this.middleware.push(enter);
    const own = (options.compose ?? compose) as Compose;
    this.#compose = own;
    const composeEither: Compose = (middleware) =>
      (middleware.includes(enter) ? (compose as Compose) : own)(middleware);
    Object.assign(this, { compose: composeEither });
    parseQueriesOnce(this);
    prepareContext(this);
  }

  /** The routes of plain HTTP: a koa-router, strict about the final slash and case-sensitive. */
  get router(): Router<State, Own & SubappContext> {
    return this.#routes.http as unknown as Router<State, Own & SubappContext>;
  }

  /** The mounted apps, in mount order. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /** What {@link lifespan} registered, in order. */
  get lifespans(): readonly Lifespan[] {
    return this.#lifespans;
  }

  /** Adds middleware; see the class for when it runs. */
  override use<MoreState = object, More = object>(
    middleware: Koa.Middleware<State & MoreState, Own & SubappContext & More>,
  ): this & Koa<State & MoreState, Own & More> {
    if (typeof middleware !== "function") {
      throw new TypeError(`expected a middleware function, but got ${typeof middleware}`);
    }
    this.#stack.push(middleware as unknown as Middleware);
    this.#run = undefined;
    return this as this & Koa<State & MoreState, Own & More>;
  }

  /**
   * Adds a WebSocket route. Several routes may share a path when they speak different
   * subprotocols: the client's offer chooses, and one without subprotocols takes the rest.
   *
   * @param path a koa-router path such as `/` or `/:client_id`
   * @param rest {@link RouteOptions} if any, then middleware if any, then the {@link Handler}
   * @throws TypeError when there is no handler, or an option is none
   * @throws Error when the path has such a route already
   */
  websocket<Path extends string>(path: Path, ...rest: Rest<Path, "text", State, Own>): this;
  websocket<
    Path extends string,
    Receive extends StandardSchemaV1,
    Send extends StandardSchemaV1 = StandardSchemaV1,
  >(
    path: Path,
    options: JsonRouteOptions<Receive, Send>,
    ...rest: [...RouteMiddleware<State, Own>[], JsonHandler<Path, Receive, Send, State, Own>]
  ): this;
  websocket<Path extends string, Kind extends MessageKind = "text">(
    path: Path,
    options: RouteOptions<Kind>,
    ...rest: Rest<Path, Kind, State, Own>
  ): this;
  websocket(path: string, ...rest: unknown[]): this {
    const options = typeof rest[0] === "object" ? (rest.shift() as AnyRouteOptions) : {};
    const handler = rest.pop();
    if (typeof handler !== "function") {
      throw new TypeError(
        `expected a handler for the WebSocket route ${path}, but got ${typeof handler}`,
      );
    }
    if (!/^[/{*]/.test(path)) {
      throw new TypeError(
        `expected a path that begins with "/", such as "/${path}", but got "${path}"`,
      );
    }
    const route = websocketRoute(path, options, handler as Handler<string, MessageKind>);
    this.#routes.addSocket(path, options, rest as Middleware[], route);
    return this;
  }

  /**
   * Mounts an app at a prefix, as FastAPI's `app.mount` does. The longest prefix wins, in
   * whatever order they are mounted; `/ws` and `/ws/` are the same.
   *
   * @param prefix `/`, `/ws`, or with parameters `/orgs/:org`
   * @param app any Koa app; one of ours brings its WebSocket routes, mounts and lifespan
   * @throws TypeError when it is no app
   * @throws Error when the prefix is malformed or taken, the app would contain itself, or it has a
   *   lifespan that would not run, for this one is served already
   */
  mount(prefix: string, app: Koa): this {
    if (!isApp(app)) {
      throw new TypeError(`expected a Koa app at ${prefix}, but got ${typeof app}`);
    }
    if (isStarted(this)) assertWithoutLifespans(app, `mount it at ${prefix}`);
    if (app === this || (app instanceof App && app.contains(this))) {
      throw new Error(`expected another app at ${prefix}, but this one would contain itself`);
    }
    const site: { stack?: string } = {};
    Error.captureStackTrace(site, this.mount);
    const mount = new Mount(normalise(prefix), app, site);
    this.#table.add(prefix, mount, (taker) =>
      taker.app === app ? "this very app" : String(taker),
    );
    this.#mounts.push(mount);
    return this;
  }

  /** Whether an app is mounted in this one, at any depth. */
  contains(app: Koa): boolean {
    return this.#mounts.some(
      (mount) => mount.app === app || (mount.app instanceof App && mount.app.contains(app)),
    );
  }

  /**
   * Runs something for as long as the app is served: what comes before the `yield` at the start,
   * what follows it at the end.
   *
   * ```ts
   * app.lifespan(async function* () {
   *   const pool = await connect();
   *   yield;
   *   await pool.end();
   * });
   * ```
   *
   * @throws Error when the app is served already
   */
  lifespan(lifespan: Lifespan): this {
    if (isStarted(this)) throw lateLifespan("add it");
    this.#lifespans.push(lifespan);
    return this;
  }

  /** Koa's `listen`, with WebSockets; it runs no lifespans and drains nothing: see `serve`. */
  // biome-ignore lint/suspicious/noExplicitAny: Koa's eight overloads, passed on as they came
  override listen(...args: any[]): Server {
    const server = http.createServer(this.callback());
    attach(server, this);
    return server.listen(...args);
  }

  /** What this app serves, in a few words, for messages. */
  describe(): string {
    const mounts = this.#mounts.map(({ prefix }) => prefix || "/");
    const without = mounts.length > 0 ? `mounts at ${mounts.join(", ")}` : "no routes yet";
    return `the app with ${this.#routes.describe() ?? without}`;
  }

  /** The path of a named route inside this app, for `ctx.urlFor`. */
  linkTo(
    name: string,
    params: Record<string, string | number>,
  ): { path: string; socket: boolean } | undefined {
    return this.#routes.linkTo(name, params);
  }

  /**
   * What apps on the way to a path have set for the door: the deepest one that says something.
   *
   * @param path a raw path, as this app sees it
   */
  settingsAt(path: string): PathSettings {
    // In the order of `#dispatch`: whose policy it is must be whose route it is.
    const match = this.#table.find(path);
    const mount = match ? match.value : this.#rootMountAt(path);
    if (match?.missingSlash) return this.#settings;
    if (!(mount?.app instanceof App)) return this.#settings;
    const below = mount.app.settingsAt(path.slice(match?.prefix.length ?? 0));
    return {
      allowedOrigins: below.allowedOrigins ?? this.#settings.allowedOrigins,
      maxBodyBytes: below.maxBodyBytes ?? this.#settings.maxBodyBytes,
    };
  }

  // The one at `/`, unless the path is of a route of this app's own.
  #rootMountAt(path: string): Mount | undefined {
    const { root } = this.#table;
    return root && !this.#routes.has(path) ? root : undefined;
  }

  // These are no async functions: each of those costs a request some 400 bytes, and a turn of the
  // microtasks on its way back.
  #enter(ctx: Context, next: Koa.Next): Promise<void> {
    if (ctx.app !== (this as Koa)) return this.#enterUnderKoaMount(ctx, next);
    if (ctx[PARENT]) return this.#begin(ctx);
    if (this.createContext !== CREATE_CONTEXT) ctx[SEEN] = true;
    return this.#begin(ctx).catch((error) => rethrow(error, ctx));
  }

  #enterUnderKoaMount(ctx: Context, next: Koa.Next): Promise<void> {
    const inside = contextUnderKoaMount(ctx, this);
    if (!inside) return answerMissingSlash(ctx);
    parseQueriesOnce(ctx.request.app);
    inside[BEHIND] = next;
    ctx.onerror = onerrorAbove;
    return this.#begin(inside).then(
      () => leave(inside),
      (error) => {
        leave(inside);
        return rethrow(error, inside);
      },
    );
  }

  #begin(ctx: Context): Promise<void> {
    // Some put theirs before all others with `middleware.unshift`.
    if (this.middleware.length > 1) ctx[SEEN] = true;
    if (this.#stack.length === 0) return this.#dispatch(ctx);
    ctx[SEEN] = true;
    if (ctx.params === NO_PARAMS) ctx.params = {};
    this.#run ??= this.#compose([...this.#stack, (inside) => this.#dispatch(inside as Context)]);
    return this.#run(ctx);
  }

  #dispatch(ctx: Context): Promise<void> {
    if (!isPlain(ctx)) return answerNothing(ctx);
    // koa-mount among the middleware has written its own prefix here.
    if (ctx.mountPath !== (ctx[PREFIX] ?? "")) ctx.mountPath = ctx[PREFIX] ?? "";
    const path = rawPath(ctx.url);
    const match = this.#table.find(path);
    if (match && !match.missingSlash) return match.value.enter(ctx, match);
    const isOther = ctx[BEHIND] && this.#routes.has(path) && !this.#routes.serves(ctx, path);
    if (isOther) return answerBehind(ctx, () => this.#routes.handle(ctx, path));
    const handled = this.#routes.handle(ctx, path);
    if (handled !== undefined) return handled;
    const other = otherSlash(path);
    if (match || (other && this.#routes.has(other))) return answerMissingSlash(ctx);
    return this.#table.root ? this.#table.root.enter(ctx) : answerNothing(ctx);
  }
}

// Not `instanceof`: another copy of Koa's package makes apps just as well.
function isApp(app: unknown): boolean {
  const { callback, middleware } = (app ?? {}) as Partial<Koa>;
  return typeof callback === "function" && Array.isArray(middleware);
}
