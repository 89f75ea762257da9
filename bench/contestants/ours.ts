import { outer, type Plan, prefixes, roomsOf } from "../plan.ts";

type Library = typeof import("../../lib/index.ts");

// As published: what a loader adds while it strips types would be measured too.
const { App, Hub, serve }: Library = await import(process.env.BENCH_LIBRARY ?? "");

/** Only numbers are raised, for one client plays thousands; every check still runs. */
const RATE = { messagesPerSecond: 1e9, burstMessages: 1e9 };
const SERVER = { maxConnections: 1e6 };

/** This framework with all its default protections and its default log. */
export async function listen(plan: Plan): Promise<number> {
  const hub = new Hub();
  const app = new App();
  let inmost = app;
  for (const prefix of outer(plan)) {
    const next = new App();
    inmost.mount(prefix, next);
    inmost = next;
  }
  for (const prefix of prefixes(plan)) inmost.mount(prefix, feature(hub, plan));
  const logLevel = process.env.LOG_LEVEL === "silent" ? "silent" : "info";
  const { url } = await serve(app, { ...SERVER, port: 0, logLevel });
  return Number(new URL(url).port);
}

function feature(hub: InstanceType<Library["Hub"]>, plan: Plan): InstanceType<Library["App"]> {
  const app = new App();
  let next = 0;
  app.websocket("/echo", RATE, async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  app.websocket("/member/:index", RATE, async (socket, ctx) => {
    for (const room of roomsOf(Number(ctx.params.index), plan.rooms)) {
      await hub.join(`room-${room}`, socket);
    }
    await socket.send("ready");
    await socket.closed;
  });
  app.websocket("/publisher", RATE, async (socket) => {
    for await (const text of socket) {
      await hub.publish(`room-${next}`, text);
      next = (next + 1) % plan.rooms.rooms;
    }
  });
  app.router.get("/hello", (ctx) => {
    ctx.body = "hello";
  });
  return app;
}
