// A server that counts what it holds, in a process of its own with --expose-gc.

import { setTimeout as sleep } from "node:timers/promises";
import { App, createLog, Hub, type Serving, serve } from "koa-subapps";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { echo } from "../../../apps/echo/index.ts";
import { ticker } from "../../../lib/loop/ticker.ts";
import { obey } from "./child.ts";

/** What the server holds. */
export interface Holdings {
  /** Bytes of the heap after collections. */
  readonly heap: number;
  /** What must be what it was, by name. */
  readonly counts: Record<string, number>;
}

const COLLECTIONS = 4;
const RETAINED = 5;
const SETTLE_MS = 30_000;

// What a round says fills the history, so that every round leaves as much as the one before.
const retention = { count: RETAINED, ageMs: 24 * 60 * 60 * 1_000 };
const rooms = new Rooms(new Hub({ retention }));
const { hub, presence } = rooms;
const app = new App({ maxConnections: 20_000 });
app.mount("/ws", echo);
app.mount("/chat", createChat(rooms));
let serving: Serving;

async function start(): Promise<string> {
  serving = await serve(app, { port: 0, log: createLog({ level: "silent" }) });
  return serving.url;
}

/** Waits until nothing is connected, collects what is garbage, and counts the rest. */
async function holdings(): Promise<Holdings> {
  const deadline = performance.now() + SETTLE_MS;
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap");
  while (serving.upgrades.live.size > 0 || sockets().length > 0) {
    if (performance.now() > deadline) throw new Error(`expected nothing to be connected`);
    await sleep(20);
  }
  // More than once: a finalizer may let go of what the next one finds.
  for (let n = 0; n < COLLECTIONS; n++) {
    await sleep(50);
    globalThis.gc?.();
  }
  return { heap: process.memoryUsage().heapUsed, counts: await counts() };
}

async function counts(): Promise<Record<string, number>> {
  const listeners = (emitter: NodeJS.EventEmitter) =>
    emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
  return {
    connections: app.limits?.total ?? -1,
    live: serving.upgrades.live.size,
    watched: ticker.size,
    timers: process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length,
    topicsWithMembers: hub.topics().length,
    topicsRetained: (await hub.broker.topics()).length,
    registered: hub.connections().length,
    present: presence.topics().length,
    listenersOfServer: listeners(serving.server),
    listenersOfUpgrades: listeners(serving.upgrades),
    listenersOfApp: listeners(app),
    listenersOfProcess: listeners(process),
  };
}

obey({ start, holdings });
