// The package's own type definitions do not compile. This file declares what route.ts uses.
declare module "koa-easy-ws" {
  import type Koa from "koa";
  import type { ServerOptions, WebSocketServer } from "ws";

  /** Puts `ctx[property]` on the context of a WebSocket handshake. */
  export default function easyWs(
    property?: string,
    options?: { wsOptions?: ServerOptions },
  ): Koa.Middleware & { server: WebSocketServer };
}
