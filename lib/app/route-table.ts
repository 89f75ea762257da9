import type Koa from "koa";
import compose from "koa-compose";
import Router from "koa-router";
import { type Context, type Params, SEEN } from "../context/context.ts";
import type { RouteLink } from "../context/sub-app.ts";
import { offeredProtocols } from "../upgrade/check.ts";
import { handshakeOf } from "../upgrade/handshake.ts";
import { refuseHandshake } from "../upgrade/outcome.ts";
import { ANSWERED } from "./not-found.ts";

export { Router };

// The part of a layer that the types of koa-router leave out.
interface Layer {
  readonly path: string;
  readonly methods: readonly string[];
  match(path: string): boolean;
  captures(path: string): string[];
  params(path: string, captures: string[], inherited: object): Params;
}

interface SocketRoute {
  readonly layer: Layer;
  readonly protocols: readonly string[];
  /** Whether the route has middleware of users, which sees the context. */
  readonly isSeen: boolean;
  readonly run: (ctx: Context) => Promise<void>;
}

/** The most routes that an error message names. */
const MOST_NAMED = 3;

const STRICT = { strict: true, sensitive: true };
const NOTHING_BEHIND = async (): Promise<void> => {};

/** The routes of one app. Plain HTTP and WebSocket each have a router of their own. */
export class RouteTable {
  /** The routes of plain HTTP. */
  readonly http = new Router(STRICT);
  readonly #sockets = new Router(STRICT);
  readonly #runHttp = this.http.routes() as unknown as Koa.Middleware;
  readonly #answerMethods = this.http.allowedMethods() as unknown as Koa.Middleware;
  readonly #socketRoutes: SocketRoute[] = [];

  /**
   * Adds a WebSocket route.
   *
   * @param middleware the route's own middleware
   * @param accept the middleware that accepts the handshake
   * @throws Error when other routes at the path already speak all of the route's subprotocols: no
   *   client would ever reach the route
   */
  addSocket(
    path: string,
    options: { name?: string; protocols?: readonly string[] },
    middleware: readonly Koa.Middleware[],
    accept: readonly Koa.Middleware[],
  ): void {
    const { name, protocols = [] } = options;
    this.#assertFree(path, protocols);
    const run = compose([...middleware, ...accept]) as unknown as SocketRoute["run"];
    const layer: unknown = this.#sockets.register(
      path,
      ["GET"],
      () => {},
      name === undefined ? {} : { name },
    );
    const isSeen = middleware.length > 0;
    this.#socketRoutes.push({ layer: layer as Layer, protocols, isSeen, run });
  }

  #assertFree(path: string, protocols: readonly string[]): void {
    const there = this.#socketRoutes.filter(({ layer }) => layer.path === path);
    const taken = there.flatMap((route) => (route.protocols.length > 0 ? route.protocols : [""]));
    const wanted = protocols.length > 0 ? protocols : [""];
    if (!wanted.every((protocol) => taken.includes(protocol))) return;
    const whom = protocols.length > 0 ? protocols.join(", ") : "clients without a subprotocol";
    throw new Error(`expected one WebSocket route at ${path} for ${whom}, but got a second`);
  }

  /** Whether the app has a route at a path, for HTTP or WebSocket. */
  has(path: string): boolean {
    return this.serves(path, false) || this.serves(path, true);
  }

  /** Whether the app has a route at a path, for handshakes or for requests of plain HTTP. */
  serves(path: string, isHandshake: boolean): boolean {
    return isHandshake
      ? this.#socketRoutes.some(({ layer }) => layer.match(path))
      : this.#servesHttp(path);
  }

  /** Names the first few routes, for messages; undefined when the app has no routes. */
  describe(): string | undefined {
    const http = (this.http.stack as unknown[] as Layer[]).filter(({ methods }) => methods.length);
    const all = [
      ...this.#socketRoutes.map(({ layer }) => `WebSocket ${layer.path}`),
      ...http.map(({ methods, path }) => `${methods.at(-1)} ${path}`),
    ];
    const more = all.length > MOST_NAMED ? ` and ${all.length - MOST_NAMED} more routes` : "";
    return all.length > 0 ? all.slice(0, MOST_NAMED).join(", ") + more : undefined;
  }

  /** Answers a request whose path has a route for its kind. */
  handle(ctx: Context, path: string): Promise<void> {
    if (handshakeOf(ctx.req)) return this.#runSocket(ctx, path);
    return this.#answerMethods(ctx as never, () =>
      this.#runHttp(ctx as never, NOTHING_BEHIND),
    ) as Promise<void>;
  }

  /** Answers a request whose path has a route for the other kind only. */
  handleOtherKind(ctx: Context, path: string): Promise<void> {
    if (handshakeOf(ctx.req)) {
      refuseHandshake(ctx, "this path answers plain HTTP, not a WebSocket");
      return ANSWERED;
    }
    // The server is not attached, so a handshake came as a plain request. The route explains it.
    if (/\bupgrade\b/i.test(ctx.get("Connection")) && /^websocket$/i.test(ctx.get("Upgrade"))) {
      return this.#runSocket(ctx, path);
    }
    answerUpgradeRequired(ctx);
    return ANSWERED;
  }

  /** Gives the path of a named route, or undefined. */
  linkTo(name: string, params: Record<string, string | number>): RouteLink | undefined {
    for (const router of [this.http, this.#sockets]) {
      const route = router.route(name);
      if (route) return { path: route.url(params), socket: router === this.#sockets };
    }
    return undefined;
  }

  #runSocket(ctx: Context, path: string): Promise<void> {
    const route = this.#socketAt(path, offeredProtocols(ctx.req)) as SocketRoute;
    const { layer, isSeen, run } = route;
    if (isSeen) ctx[SEEN] = true;
    ctx.params = layer.params(path, layer.captures(path), ctx.params);
    // koa-router sets this for its own routes.
    ctx._matchedRoute = layer.path;
    return run(ctx);
  }

  // The client's subprotocols choose among the routes at one path: first a route that speaks an
  // offered subprotocol, then a route without subprotocols, then the first route.
  #socketAt(path: string, offered: readonly string[]): SocketRoute | undefined {
    let first: SocketRoute | undefined;
    for (const route of this.#socketRoutes) {
      if (!route.layer.match(path)) continue;
      if (route.protocols.some((protocol) => offered.includes(protocol))) return route;
      if (!first || (route.protocols.length === 0 && first.protocols.length > 0)) first = route;
    }
    return first;
  }

  // koa-router's own `match` would make lists of all matches. `router.use()` adds layers that match
  // but have no method; such a layer serves nothing by itself.
  #servesHttp(path: string): boolean {
    return (this.http.stack as unknown[] as Layer[]).some(
      (layer) => layer.methods.length > 0 && layer.match(path),
    );
  }
}

function answerUpgradeRequired(ctx: Context): void {
  ctx.status = 426;
  // HTTP/2 has no headers of a connection (RFC 9113 section 8.2.2).
  if (ctx.req.httpVersionMajor < 2) {
    // Node adds no "close" to a Connection header that is set already.
    const connection = ctx.res.shouldKeepAlive ? "Upgrade" : "Upgrade, close";
    ctx.set({ Upgrade: "websocket", Connection: connection });
  }
  ctx.body = "this path takes WebSocket connections only";
}
