import { createServer } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { Plan } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { listenOn } from "./port.ts";
import { echo, member, publisher } from "./socket.ts";

/** Bare ws, and bare node:http for GET: no middleware, no mounts, no checks. */
export function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<WebSocket>(plan.rooms);
  const server = createServer((_req, res) => {
    res.setHeader("Content-Type", "text/plain; charset=utf-8");
    res.end("hello");
  });
  const wss = new WebSocketServer({ server });
  wss.on("connection", (ws, { url = "" }) => {
    if (url.endsWith("/echo")) echo(ws);
    else if (url.endsWith("/publisher")) publisher(ws, rooms);
    else member(ws, Number(url.slice(url.lastIndexOf("/") + 1)), rooms);
  });
  return listenOn(server);
}
