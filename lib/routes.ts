import type Koa from "koa";
import compose from "koa-compose";
import Router from "koa-router";
import type { Context, Params } from "./context.ts";
import { handshakeOf } from "./handshake.ts";
import { offeredProtocols } from "./handshake-check.ts";
import { refuseHandshake } from "./settle.ts";

export { Router };

// What the router's own types leave out of a layer.
interface Layer {
  captures(path: string): string[];
  params(path: string, captures: string[], inherited: object): Params;
}

interface SocketRoute {
  readonly protocols: readonly string[];
  readonly run: (ctx: Context) => Promise<void>;
}

const STRICT = { strict: true, sensitive: true };
const NOTHING_BEHIND = async (): Promise<void> => {};

/** The routes of one app: plain HTTP and WebSocket side by side, each found by its own router. */
export class Routes {
  /** The routes of plain HTTP. */
  readonly http = new Router(STRICT);
  readonly #sockets = new Router(STRICT);
  readonly #runHttp = this.http.routes() as unknown as Koa.Middleware;
  readonly #answerMethods = this.http.allowedMethods() as unknown as Koa.Middleware;
  readonly #socketRoutes = new Map<Layer, SocketRoute>();

  /** Adds a WebSocket route: its middleware, ending with the step that accepts. */
  addSocket(
    path: string,
    options: { name?: string; protocols?: readonly string[] },
    stack: Koa.Middleware[],
  ): void {
    const { name, protocols = [] } = options;
    const run = compose(stack as Koa.Middleware[]) as SocketRoute["run"];
    const layer: unknown = this.#sockets.register(
      path,
      ["GET"],
      () => {},
      name === undefined ? {} : { name },
    );
    this.#socketRoutes.set(layer as Layer, { protocols, run });
  }

  /** Whether a path is one of this app's, for HTTP or WebSocket. */
  has(path: string): boolean {
    return this.#servesHttp(path) || this.#servesSocket(path);
  }

  /**
   * Answers a request whose path is one of this app's.
   *
   * @returns false when it is not, and nothing was done
   */
  async handle(ctx: Context, path: string): Promise<boolean> {
    return handshakeOf(ctx.req) ? this.#handshake(ctx, path) : this.#request(ctx, path);
  }

  /** The path of a named route, or undefined. */
  linkTo(
    name: string,
    params: Record<string, string | number>,
  ): { path: string; socket: boolean } | undefined {
    for (const router of [this.http, this.#sockets]) {
      const route = router.route(name);
      if (route) return { path: route.url(params), socket: router === this.#sockets };
    }
    return undefined;
  }

  async #handshake(ctx: Context, path: string): Promise<boolean> {
    const { route, pathAndMethod } = this.#sockets.match(path, "GET");
    if (route) {
      await this.#runSocket(ctx, path, pathAndMethod as unknown[] as Layer[]);
      return true;
    }
    if (!this.#servesHttp(path)) return false;
    refuseHandshake(ctx, "this path answers plain HTTP, not a WebSocket");
    return true;
  }

  async #request(ctx: Context, path: string): Promise<boolean> {
    if (this.#servesHttp(path)) {
      await this.#answerMethods(ctx as never, () => this.#runHttp(ctx as never, NOTHING_BEHIND));
      return true;
    }
    if (!this.#servesSocket(path)) return false;
    // A handshake that came as a plain request, for want of `attach`: the route says what is wrong.
    if (/\bupgrade\b/i.test(ctx.get("Connection")) && /^websocket$/i.test(ctx.get("Upgrade"))) {
      const { pathAndMethod } = this.#sockets.match(path, "GET");
      await this.#runSocket(ctx, path, pathAndMethod as unknown[] as Layer[]);
      return true;
    }
    ctx.status = 426;
    // Node takes a Connection header for the whole truth about the connection's end.
    const connection = ctx.res.shouldKeepAlive ? "Upgrade" : "Upgrade, close";
    ctx.set({ Upgrade: "websocket", Connection: connection });
    ctx.body = "this path takes WebSocket connections only";
    return true;
  }

  // Of the routes at one path the client's subprotocols choose: one that speaks what is offered,
  // or one that speaks none, or the first.
  async #runSocket(ctx: Context, path: string, layers: readonly Layer[]): Promise<void> {
    const offered = offeredProtocols(ctx.req);
    const speaks = (test: (protocols: readonly string[]) => boolean) =>
      layers.find((layer) => test(this.#socketRoutes.get(layer)?.protocols ?? []));
    const layer =
      speaks((protocols) => protocols.some((protocol) => offered.includes(protocol))) ??
      speaks((protocols) => protocols.length === 0) ??
      (layers[0] as Layer);
    ctx.params = layer.params(path, layer.captures(path), ctx.params);
    await this.#socketRoutes.get(layer)?.run(ctx);
  }

  // `router.use()` adds layers that match but have no method and serve nothing by themselves.
  #servesHttp(path: string): boolean {
    return this.http.match(path, "GET").path.some((layer) => layer.methods.length > 0);
  }

  #servesSocket(path: string): boolean {
    return this.#sockets.match(path, "GET").route;
  }
}
