import { after, before } from "node:test";
import { RedisBroker } from "../../../../lib/broker/redis/redis.ts";
import { RedisServer, type SideClient } from "../../../support/redis.ts";
import { brokerContract, type MakeEngine } from "../contract.ts";

const STEP_MS = 10_000;
// Each run asks a server, and makes two connections. REDIS_RUNS=300 compares as many as in memory.
const RUNS = Number(process.env.REDIS_RUNS ?? 30);

let server: RedisServer;
let side: SideClient;
let engines = 0;

before(async () => {
  server = await RedisServer.start();
  side = await server.connect();
});

after(async () => {
  side?.destroy();
  await server?.[Symbol.asyncDispose]();
});

const makeEngine: MakeEngine = async ({ idleMs }) => {
  let now = Date.UTC(2026, 0);
  const prefix = `contract${++engines}:`;
  const broker = new RedisBroker({ url: server.url, prefix, idleMs, now: () => now });
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
    dispose: async () => {},
  };
};

brokerContract("redis", makeEngine, { runs: RUNS });
