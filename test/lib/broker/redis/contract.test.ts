import { after, before } from "node:test";
import { createClient } from "redis";
import { RedisBroker } from "../../../../lib/broker/redis/redis.ts";
import { RedisServer } from "../../../support/redis.ts";
import { brokerContract, type MakeEngine } from "../contract.ts";

const STEP_MS = 10_000;

let server: RedisServer;
let engines = 0;

before(async () => {
  server = await RedisServer.start();
});

after(() => server[Symbol.asyncDispose]());

const makeEngine: MakeEngine = async ({ idleMs }) => {
  let now = Date.UTC(2026, 0);
  const prefix = `contract${++engines}-`;
  const broker = new RedisBroker({ url: server.url, prefix, idleMs, now: () => now });
  await broker.open(5_000);
  const side = createClient({ socket: { path: server.socket, tls: false } });
  await side.connect();
  let held: string[] = [];
  return {
    broker,
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        now += Math.min(left, STEP_MS);
        await broker.tick();
      }
      const keys = await side.keys(`{${prefix}*`);
      held = keys.filter((key) => !/:f$/.test(key));
    },
    held: () => held,
    endEpoch: async () => {
      for (const key of await side.keys(`{${prefix}*`)) await side.del(key);
    },
    dispose: async () => side.destroy(),
  };
};

// Each run asks a server, and makes two connections.
brokerContract("redis", makeEngine, { runs: 60 });
