// An app as docs/redis.md shows it. A test runs it in several processes; REDIS names their server.

import { App, Hub, run } from "koa-subapps";
import { RedisBroker } from "../../lib/broker/redis/index.ts";

const broker = new RedisBroker({ url: process.env.REDIS ?? "" });
const hub = new Hub({ broker });
const app = new App();
app.lifespan(async function* () {
  await broker.open();
  yield;
  await broker.close();
});
app.websocket("/:room", async (socket, ctx) => {
  const { room } = ctx.params;
  const { epoch, offset } = ctx.query;
  await hub.join(room, socket, {
    since: epoch === undefined ? undefined : { epoch, offset: Number(offset) },
    welcome: ({ position, recovered }) => JSON.stringify({ position, recovered }),
    encode: (data, publication) => JSON.stringify({ offset: publication?.offset, data }),
  });
  for await (const text of socket) {
    if (text.startsWith("signal ")) await hub.signal(room, text);
    else await hub.publish(room, text);
  }
});
await run(app);
