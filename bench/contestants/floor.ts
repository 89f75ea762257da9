import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Plan } from "../plan.ts";
import { Rooms } from "../rooms.ts";
import { listenOn } from "./port.ts";

/**
 * What any framework on Node's sockets has to pay: ws accepts and reads, and a message is framed
 * once and written to each socket, with nothing else done for it. No server, but a measure.
 */
export function listen(plan: Plan): Promise<number> {
  const rooms = new Rooms<Duplex>(plan.rooms);
  const server = createServer();
  const wss = new WebSocketServer({ noServer: true });
  server.on("upgrade", (req, socket, head) => {
    wss.handleUpgrade(req, socket, head, (ws) => {
      const { url = "" } = req;
      ws.on("error", console.error);
      if (url.endsWith("/echo")) onMessage(ws, (bytes) => socket.write(bytes));
      else if (url.endsWith("/publisher")) {
        onMessage(ws, (bytes) => {
          for (const member of rooms.next()) member.write(bytes);
        });
      } else {
        const index = Number(url.slice(url.lastIndexOf("/") + 1));
        ws.on("close", () => rooms.leave(index, socket));
        rooms.join(index, socket);
        ws.send("ready");
      }
    });
  });
  return listenOn(server);
}

function onMessage(ws: WebSocket, write: (bytes: Buffer) => void): void {
  ws.on("message", (data) => write(framed(data as Buffer)));
}

// A text of at most 65,535 bytes, which is what is measured (RFC 6455 section 5.2).
function framed(text: Buffer): Buffer {
  const head = text.length <= 125 ? 2 : 4;
  const bytes = Buffer.allocUnsafe(head + text.length);
  bytes[0] = 0x81;
  if (head === 2) bytes[1] = text.length;
  else {
    bytes[1] = 126;
    bytes.writeUInt16BE(text.length, 2);
  }
  text.copy(bytes, head);
  return bytes;
}
