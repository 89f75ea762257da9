import { createServer } from "node:http";
import { Server } from "socket.io";
import { type Plan, roomsOf } from "../plan.ts";
import { listenOn } from "./port.ts";

/**
 * Socket.IO over its websocket transport. Its frames hold an event's name and JSON beside the
 * payload (13 bytes more), and it has no mounts: what a connection is, its query says.
 */
export function listen(plan: Plan): Promise<number> {
  const server = createServer();
  const io = new Server(server, { transports: ["websocket"], serveClient: false });
  let next = 0;
  io.on("connection", async (socket) => {
    const { role, index } = socket.handshake.query;
    if (role === "echo") socket.on("message", (text) => socket.emit("message", text));
    if (role === "publisher") {
      socket.on("message", (text) => {
        io.to(`room-${next}`).emit("message", text);
        next = (next + 1) % plan.rooms.rooms;
      });
    }
    if (role === "member") {
      await socket.join(roomsOf(Number(index), plan.rooms).map((room) => `room-${room}`));
      socket.emit("message", "ready");
    }
  });
  return listenOn(server);
}
