import websocket from "@fastify/websocket";
import Fastify, { type FastifyInstance } from "fastify";
import type { WebSocket } from "ws";
import { type Plan, prefixes } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { portOf } from "./port.ts";
import { echo, member, publisher } from "./socket.ts";

/** Fastify and @fastify/websocket; a mount is a plugin with a prefix. */
export async function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<WebSocket>(plan.rooms);
  const app = Fastify();
  await app.register(websocket);
  for (const prefix of prefixes(plan)) {
    await app.register(
      (feature, _options, done) => {
        routes(feature, rooms);
        done();
      },
      { prefix },
    );
  }
  await app.listen({ port: 0, host: "127.0.0.1" });
  return portOf(app.server);
}

function routes(feature: FastifyInstance, rooms: Rooms<WebSocket>): void {
  feature.get("/echo", { websocket: true }, (socket) => echo(socket));
  feature.get<{ Params: { index: string } }>("/member/:index", { websocket: true }, (socket, req) =>
    member(socket, Number(req.params.index), rooms),
  );
  feature.get("/publisher", { websocket: true }, (socket) => publisher(socket, rooms));
  feature.get("/hello", async () => "hello");
}
