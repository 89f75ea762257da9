import type { WebSocket } from "ws";
import type { Rooms } from "../rooms.ts";

// The handlers of every contestant that hands out ws's own sockets, as ws's README writes them.

export function echo(ws: WebSocket): void {
  ws.on("error", console.error);
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
}

export function member(ws: WebSocket, index: number, rooms: Rooms<WebSocket>): void {
  ws.on("error", console.error);
  ws.on("close", () => rooms.leave(index, ws));
  rooms.join(index, ws);
  ws.send("ready");
}

export function publisher(ws: WebSocket, rooms: Rooms<WebSocket>): void {
  ws.on("error", console.error);
  ws.on("message", (data, isBinary) => {
    for (const client of rooms.next()) {
      if (client.readyState === client.OPEN) client.send(data, { binary: isBinary });
    }
  });
}
