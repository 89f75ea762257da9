import type { Server } from "node:http";
import { serve, upgradeWebSocket } from "@hono/node-server";
import { Hono } from "hono";
import type { WSContext } from "hono/ws";
import { WebSocketServer } from "ws";
import { type Plan, prefixes } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { portOf } from "./port.ts";

/** Hono on its Node server, which brings the WebSockets; a mount is `app.route`. */
export async function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<WSContext>(plan.rooms);
  const app = new Hono();
  for (const prefix of prefixes(plan)) app.route(prefix, feature(rooms));
  return new Promise((resolve) => {
    const server = new WebSocketServer({ noServer: true });
    const listening = serve(
      { fetch: app.fetch, port: 0, hostname: "127.0.0.1", websocket: { server } as never },
      () => resolve(portOf(listening as Server)),
    );
  });
}

function feature(rooms: Rooms<WSContext>): Hono {
  const app = new Hono();
  app.get(
    "/echo",
    upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(event.data as string) })),
  );
  app.get(
    "/member/:index",
    upgradeWebSocket((c) => {
      const index = Number(c.req.param("index"));
      return {
        onOpen(_event, ws) {
          rooms.join(index, ws);
          ws.send("ready");
        },
        onClose: (_event, ws) => rooms.leave(index, ws),
      };
    }),
  );
  app.get(
    "/publisher",
    upgradeWebSocket(() => ({
      onMessage(event) {
        for (const client of rooms.next()) client.send(event.data as string);
      },
    })),
  );
  app.get("/hello", (c) => c.text("hello"));
  return app;
}
