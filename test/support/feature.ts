import Koa from "koa";
import { App } from "koa-subapps";

/**
 * An app with a path for both, one for HTTP alone and one for WebSocket alone. Each answer says in
 * its headers where it came from, so that a 101 says it too.
 */
export function feature(): App {
  const app = new App();
  app.use((ctx, next) => {
    ctx.set({ "X-Path": ctx.path, "X-Mount": ctx.mountPath, "X-Query": ctx.querystring });
    return next();
  });
  app.router.all("/", (ctx) => {
    ctx.body = "the feature's page";
  });
  app.websocket("/", async (socket, ctx) => {
    await socket.send(`connected to ${ctx.path} under ${ctx.mountPath}`);
  });
  app.router.get("/rooms/:room", (ctx) => {
    ctx.body = `room ${ctx.params.room}`;
  });
  app.websocket("/rooms/:room", async (socket, ctx) => {
    await socket.send(`room ${ctx.params.room}`);
  });
  app.router.get("/http-only", (ctx) => {
    ctx.body = "plain";
  });
  app.websocket("/ws-only", () => {});
  return app;
}

/** A plain Koa app that answers everything with its name. */
export function named(name: string): Koa {
  return new Koa().use((ctx) => {
    ctx.body = name;
  });
}
