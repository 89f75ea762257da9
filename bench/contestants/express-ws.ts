import express from "express";
import expressWs, { type Router } from "express-ws";
import type { WebSocket } from "ws";
import { type Plan, prefixes } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { portOf } from "./port.ts";
import { echo, member, publisher } from "./socket.ts";

/** Express and express-ws, which brings a ws of its own (version 7). */
export async function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<WebSocket>(plan.rooms);
  const { app, applyTo } = expressWs(express(), undefined, { leaveRouterUntouched: true });
  for (const prefix of prefixes(plan)) {
    const router = express.Router() as Router;
    applyTo(router);
    routes(router, rooms);
    app.use(prefix, router);
  }
  return new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(portOf(server)));
  });
}

function routes(router: Router, rooms: Rooms<WebSocket>): void {
  router.ws("/echo", (ws) => echo(ws));
  router.ws("/member/:index", (ws, req) => member(ws, Number(req.params.index), rooms));
  router.ws("/publisher", (ws) => publisher(ws, rooms));
  router.get("/hello", (_req, res) => {
    res.type("text/plain").send("hello");
  });
}
