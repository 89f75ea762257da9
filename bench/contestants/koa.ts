import Koa from "koa";
import websocket from "koa-easy-ws";
import mount from "koa-mount";
import Router from "koa-router";
import type { WebSocket } from "ws";
import { outer, type Plan, prefixes } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { portOf } from "./port.ts";
import { echo, member, publisher } from "./socket.ts";

/** Koa, koa-mount, koa-router and koa-easy-ws, put together as their READMEs show. */
export async function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<WebSocket>(plan.rooms);
  // From the inside out: koa-mount takes an app as it is when it is mounted.
  let app = new Koa();
  for (const prefix of prefixes(plan)) app.use(mount(prefix, feature(rooms)));
  for (const prefix of outer(plan).reverse()) app = new Koa().use(mount(prefix, app));
  app.middleware.unshift(websocket());
  return new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(portOf(server)));
  });
}

function feature(rooms: Rooms<WebSocket>): Koa {
  const app = new Koa();
  const router = new Router();
  router.get("/echo", async (ctx) => {
    if (ctx.ws) echo(await ctx.ws());
  });
  router.get("/member/:index", async (ctx) => {
    if (ctx.ws) member(await ctx.ws(), Number(ctx.params.index), rooms);
  });
  router.get("/publisher", async (ctx) => {
    if (ctx.ws) publisher(await ctx.ws(), rooms);
  });
  router.get("/hello", (ctx) => {
    ctx.body = "hello";
  });
  app.use(router.routes()).use(router.allowedMethods());
  return app;
}
