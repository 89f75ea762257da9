// A server whose event loop can be blocked, in a process of its own: blocked together with its
// clients it would prove nothing.

import { App, createLog, serve } from "koa-subapps";
import { WebSocket } from "ws";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { obey } from "./child.ts";

const ends: number[] = [];
const rooms = new Rooms();

/** Starts it with a heartbeat and a pong timeout of so many milliseconds. */
async function start({ ms }: { ms: number }): Promise<string> {
  const limits = { heartbeatMs: ms, pongTimeoutMs: ms };
  const app = new App().mount("/chat", createChat(rooms, limits));
  const echo = new App().websocket("/", limits, async (socket) => {
    for await (const text of socket) await socket.send(`Message text was: ${text}`);
  });
  app.mount("/ws", echo);
  const { url, upgrades } = await serve(app, { port: 0, log: createLog({ level: "silent" }) });
  upgrades.on("closed", (_handshake, { code }) => ends.push(code));
  return url;
}

/** Does nothing else for so long, from right after the next ping on: its pong waits unheard. */
function block({ ms }: { ms: number }): Promise<void> {
  const { ping } = WebSocket.prototype;
  return new Promise((resolve) => {
    WebSocket.prototype.ping = function (this: WebSocket, ...args: []) {
      WebSocket.prototype.ping = ping;
      setImmediate(() => {
        const until = performance.now() + ms;
        while (performance.now() < until);
        resolve();
      });
      ping.apply(this, args);
    };
  });
}

/** The close codes of what has ended, and how many are present in a room. */
function state({ room }: { room: string }): { ends: number[]; present: number } {
  return { ends, present: rooms.presence.list(room).length };
}

obey({ start, block, state });
