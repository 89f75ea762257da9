import http, { type Server } from "node:http";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import Koa from "koa";
import type { MessageKind } from "../connection/options.ts";
import { prepareContext } from "../context/app-context.ts";
import type { SubappContext } from "../context/context.ts";
import type { Lifespan, RouteLink } from "../context/sub-app.ts";
import type { PathSettings } from "../http/admission.ts";
import { Capacity } from "../http/capacity.ts";
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
import { dispatch, settingsBelow } from "./dispatch.ts";
import { isStarted, lateLifespan } from "./lifespan.ts";
import type { Mount } from "./mount.ts";
import { Mounts } from "./mounts.ts";
import { type AppOptions, assertAppOptions } from "./options.ts";
import { type Router, RouteTable } from "./route-table.ts";
import { Stack } from "./stack.ts";

type Rest<Path extends string, Kind extends MessageKind, State, Own> = [
  ...RouteMiddleware<State, Own>[],
  Handler<Path, Kind, State, Own>,
];

/**
 * A Koa app that can also have WebSocket routes and mounted apps.
 *
 * ```ts
 * import { App, serve } from "koa-subapps";
 *
 * const echo = new App();
 * echo.websocket("/", async (socket) => {
 *   for await (const text of socket) await socket.send(text);
 * });
 * const app = new App();
 * app.use((_ctx, next) => next()); // runs for every request and handshake, below /echo too
 * app.mount("/echo", echo);
 * await serve(app, { port: 8000 }); // ws://127.0.0.1:8000/echo/
 * ```
 *
 * The app's `use()` middleware runs before its mounts and routes, for requests and handshakes
 * alike. Middleware that is added after the mounts and routes runs before them too.
 *
 * @typeParam State the type of `ctx.state` in the app's middleware, routes and handlers
 * @typeParam Own what the app's middleware, the apps above and `app.context` put on `ctx`
 */
export class App<State = Koa.DefaultState, Own = Koa.DefaultContext> extends Koa {
  readonly #routes = new RouteTable();
  readonly #mounts = new Mounts(this);
  readonly #lifespans: Lifespan[] = [];
  readonly #stack: Stack;
  readonly #settings: PathSettings;

  /**
   * Counts the app's connections; undefined for an app without `maxConnections`.
   *
   * @internal
   */
  readonly limits: Capacity | undefined;

  /**
   * @param options Koa's own options, and those of {@link AppOptions}
   * @throws TypeError for an unknown option, or a value that the option cannot have
   */
  constructor(options: AppOptions = {}) {
    super(options);
    assertAppOptions(options);
    const { allowedOrigins, maxBodyBytes, maxConnections } = options;
    this.#settings = { allowedOrigins, maxBodyBytes };
    this.limits = maxConnections === undefined ? undefined : new Capacity({ maxConnections });
    this.#stack = new Stack(this, options.compose as never, (ctx) =>
      dispatch(this.#mounts, this.#routes, ctx),
    );
    parseQueriesOnce(this);
    prepareContext(this);
  }

  /** The routes of plain HTTP: a case-sensitive koa-router, strict about the final slash. */
  get router(): Router<State, Own & SubappContext> {
    return this.#routes.http as unknown as Router<State, Own & SubappContext>;
  }

  /** The mounted apps, in mount order. */
  get mounts(): readonly Mount[] {
    return this.#mounts.list;
  }

  /** What {@link lifespan} registered, in order. */
  get lifespans(): readonly Lifespan[] {
    return this.#lifespans;
  }

  /** Adds middleware. The docstring of {@link App} says when it runs. */
  override use<MoreState = object, More = object>(
    middleware: Koa.Middleware<State & MoreState, Own & SubappContext & More>,
  ): this & Koa<State & MoreState, Own & More> {
    this.#stack.use(middleware as unknown as Koa.Middleware);
    return this as this & Koa<State & MoreState, Own & More>;
  }

  /**
   * Adds a WebSocket route. Several routes may share a path when they speak different
   * subprotocols: the client's offer chooses the route. A route without subprotocols takes the
   * other clients.
   *
   * @param path a koa-router path such as `/` or `/:client_id`
   * @param rest {@link RouteOptions} if any, then middleware if any, then the {@link Handler}
   * @throws TypeError for a missing handler, an unknown option or a wrong value of an option
   * @throws Error when the path already has a route for these subprotocols
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
    this.#routes.addSocket(path, options, rest as Koa.Middleware[], route);
    return this;
  }

  /**
   * Mounts an app at a prefix, as FastAPI's `app.mount` does. The longest prefix wins; the order
   * of mounting does not matter. `/ws` and `/ws/` are the same prefix.
   *
   * @param prefix `/`, `/ws`, or with parameters `/orgs/:org`
   * @param app any Koa app; an {@link App} brings its WebSocket routes, mounts and lifespans
   * @throws TypeError when `app` is not a Koa app
   * @throws Error for a malformed or taken prefix, for an app that would contain itself, and for
   *   an app with a lifespan when the parent is already started: the lifespan would never run
   */
  mount(prefix: string, app: Koa): this {
    const site: { stack?: string } = {};
    Error.captureStackTrace(site, this.mount);
    this.#mounts.add(prefix, app, site);
    return this;
  }

  /**
   * Runs code when the app starts and when it stops. The code before the `yield` runs at the start,
   * the code after it at the end.
   *
   * ```ts
   * app.lifespan(async function* () {
   *   const pool = await connect();
   *   yield;
   *   await pool.end();
   * });
   * ```
   *
   * @throws Error when the app is already started
   */
  lifespan(lifespan: Lifespan): this {
    if (isStarted(this)) throw lateLifespan("add it");
    this.#lifespans.push(lifespan);
    return this;
  }

  /** Koa's `listen`, with WebSockets. It runs no lifespans and drains nothing; `serve` does. */
  // biome-ignore lint/suspicious/noExplicitAny: Koa's eight overloads, passed on as they came
  override listen(...args: any[]): Server {
    const server = http.createServer(this.callback());
    attach(server, this);
    return server.listen(...args);
  }

  /** Describes what this app serves, in a few words, for error messages. */
  describe(): string {
    const mounts = this.mounts.map(({ prefix }) => prefix || "/");
    const without = mounts.length > 0 ? `mounts at ${mounts.join(", ")}` : "no routes yet";
    return `the app with ${this.#routes.describe() ?? without}`;
  }

  /**
   * Gives the path of a named route inside this app, for `ctx.urlFor`.
   *
   * @internal
   */
  linkTo(name: string, params: Record<string, string | number>): RouteLink | undefined {
    return this.#routes.linkTo(name, params);
  }

  /**
   * Gives the admission settings for a path. Of the apps on the way to the path, the deepest app
   * that sets an option decides that option.
   *
   * @param path a raw path, as this app sees it
   * @internal
   */
  settingsAt(path: string): PathSettings {
    const below = settingsBelow(this.#mounts, this.#routes, path);
    return {
      allowedOrigins: below?.allowedOrigins ?? this.#settings.allowedOrigins,
      maxBodyBytes: below?.maxBodyBytes ?? this.#settings.maxBodyBytes,
    };
  }
}
