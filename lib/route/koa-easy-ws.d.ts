// The package's own definitions do not compile: this declares the part that lib/route/route.ts uses.
declare module "koa-easy-ws" {
  import type Koa from "koa";
  import type { ServerOptions, WebSocketServer } from "ws";

  /** Puts `ctx[property]` on a WebSocket handshake's context. */
  export default function easyWs(
    property?: string,
    options?: { wsOptions?: ServerOptions },
  ): Koa.Middleware & { server: WebSocketServer };
}
