// What broke for others who put Redis behind WebSockets, tried on this engine.

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import type { BrokerEvents } from "../../../../lib/broker/redis/index.ts";
import { RedisBroker, Unavailable } from "../../../../lib/broker/redis/index.ts";
import { startProxy } from "../../../support/proxy.ts";
import { RedisServer } from "../../../support/redis.ts";
import { until, within } from "../../../support/within.ts";

const RETENTION = { count: 1_000, ageMs: 60_000 };
const SLOW_MS = 30_000;

function scribe() {
  const heard: string[] = [];
  const offsets: number[] = [];
  const epochs: string[] = [];
  return {
    heard,
    offsets,
    epochs,
    message({ offset, data }: { offset: number; data: string }) {
      heard.push(data);
      offsets.push(offset);
    },
    signal: (data: string) => void heard.push(data),
    epoch: ({ epoch }: { epoch: string }) => void epochs.push(epoch),
  };
}

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

// redis/redis 3893 and redis/node-redis 1114: Redis cuts a subscriber whose output is too long, and
// the client looked connected and heard nothing any more.
test("a subscriber that Redis cuts off at its output limit gets every message all the same", async () => {
  await using server = await RedisServer.start(
    ...["--client-output-buffer-limit", "pubsub 300kb 0 0"],
  );
  await using proxy = await startProxy(server.socket);
  const side = await server.connect();
  const slow = new RedisBroker({ url: proxy.url.replace("http:", "redis:") });
  const fast = new RedisBroker({ url: server.url });
  try {
    const each = scribe();
    await slow.subscribe("t", each);
    proxy.stall();
    // More than the limit and all buffers of the sockets on the way.
    const long = "x".repeat(50_000);
    const limited = async () => {
      const clients = await side.sendCommand<string>(["CLIENT", "LIST", "TYPE", "pubsub"]);
      return String(clients).trim() === "";
    };
    let published = 0;
    while (!(await limited())) {
      assert.ok(published < 400, "Redis does not cut the subscriber off");
      await fast.publish("t", `${++published} ${long}`, {
        retention: { count: 80, ageMs: 60_000 },
      });
    }
    proxy.restore();
    // All that is retained, or else told: the histories of the last 80 messages of 50 kB.
    await until(() => each.offsets.at(-1) === published, "the last message", SLOW_MS);
    const missed = each.offsets.findIndex((offset, i) => offset !== (each.offsets[i - 1] ?? 0) + 1);
    assert.equal(each.epochs.length, missed < 0 ? 0 : 1);
  } finally {
    side.destroy();
    await slow.close();
    await fast.close();
  }
});

// socketio/socket.io 4845, redis/node-redis 2155: a client reconnected, and its subscriptions did not.
test("every topic is heard again after a reconnection, also those that were subscribed to meanwhile", async () => {
  await using server = await RedisServer.start();
  await using proxy = await startProxy(server.socket);
  const far = new RedisBroker({ url: proxy.url.replace("http:", "redis:") });
  const near = new RedisBroker({ url: server.url });
  try {
    // More than one command subscribes to at once.
    const topics = numbers(600).map((i) => `t${i}`);
    const scribes = topics.map(scribe);
    await Promise.all(topics.map((topic, i) => far.subscribe(topic, scribes[i] ?? scribe())));
    proxy.cut();
    const late = scribe();
    const joining = far.subscribe("late", late);
    // Redis hears of neither until the way is free.
    proxy.restore();
    await within(joining, "the subscription that was asked for meanwhile", SLOW_MS);
    await near.publish("late", "hello", { retention: RETENTION });
    for (const topic of topics) await near.publish(topic, topic, { retention: RETENTION });
    await until(
      () => late.heard.length === 1 && scribes.every(({ heard }) => heard.length === 1),
      "a message of every topic",
      SLOW_MS,
    );
    assert.deepEqual(
      scribes.map(({ heard }) => heard),
      topics.map((topic) => [topic]),
    );
  } finally {
    await far.close();
    await near.close();
  }
});

// socketio/socket.io-redis-adapter 124 and 477: what a process sends to itself came by Redis again.
test("a process hears its own messages and signals once, beside those of others", async () => {
  await using server = await RedisServer.start();
  const [one, two] = [
    new RedisBroker({ url: server.url }),
    new RedisBroker({ url: server.url }),
  ] as const;
  try {
    const [first, second] = [scribe(), scribe()];
    await one.subscribe("t", first);
    await two.subscribe("t", second);
    for (const i of numbers(50)) {
      await one.publish("t", `m${i}`, { retention: RETENTION });
      await one.signal("t", `s${i}`);
    }
    const all = numbers(50).flatMap((i) => [`m${i}`, `s${i}`]);
    await until(() => second.heard.length >= 100, "all in the other process");
    // What is published last has come by Redis after all the rest.
    await two.publish("t", "end", { retention: RETENTION });
    await until(() => first.heard.at(-1) === "end", "the end");
    assert.deepEqual(first.heard, [...all, "end"]);
    assert.deepEqual(second.heard, [...all, "end"]);
  } finally {
    await one.close();
    await two.close();
  }
});

// socketio/socket.io-redis-adapter 190: an unhandled `error` event took the process down.
test("a Redis that goes away and comes back is told once each, and throws nowhere", async () => {
  await using server = await RedisServer.start();
  const broker = new RedisBroker({ url: server.url });
  const told: string[] = [];
  const hear = (message: unknown) => {
    const { connection, up } = message as BrokerEvents["state"];
    told.push(`${connection} ${up ? "up" : "down"}`);
  };
  subscribe("koa-subapps:broker:state", hear);
  try {
    await broker.open();
    for (const _ of numbers(2)) {
      await server.down();
      // Several attempts fail meanwhile.
      await assert.rejects(broker.publish("t", "a", { retention: RETENTION }), Unavailable);
      await server.up();
      await broker.open();
    }
    const ofEach = ["up", "down", "up", "down", "up"];
    for (const connection of ["commands", "subscriptions"]) {
      const own = told.filter((line) => line.startsWith(connection));
      assert.deepEqual(
        own,
        ofEach.map((state) => `${connection} ${state}`),
      );
    }
  } finally {
    unsubscribe("koa-subapps:broker:state", hear);
    await broker.close();
  }
});

// redis/node-redis 1114: connected, but never ready, and no error for ever.
test("a server that accepts connections and says nothing is left for another attempt", async () => {
  await using real = await RedisServer.start();
  await using proxy = await startProxy(real.socket);
  proxy.stall();
  const broker = new RedisBroker({ url: proxy.url.replace("http:", "redis:") });
  const states: unknown[] = [];
  const hear = (message: unknown) => void states.push((message as BrokerEvents["state"]).error);
  subscribe("koa-subapps:broker:state", hear);
  try {
    const opening = broker.open(SLOW_MS);
    await until(() => states.length >= 2, "both connections to give up", SLOW_MS);
    assert.match(String(states[0]), /has not answered within \d+ ms/);
    proxy.cut();
    proxy.restore();
    await opening;
    await broker.publish("t", "a", { retention: RETENTION });
  } finally {
    unsubscribe("koa-subapps:broker:state", hear);
    await broker.close();
  }
});

// redis/ioredis 1957 and others: a master that has become a replica refuses all writes for ever.
test("a server that has become a replica is left, and written to again when it is a master", async () => {
  await using server = await RedisServer.start();
  const broker = new RedisBroker({ url: server.url });
  const side = await server.connect();
  try {
    const each = scribe();
    await broker.subscribe("t", each);
    await broker.publish("t", "a", { retention: RETENTION });
    await side.sendCommand(["REPLICAOF", "127.0.0.1", "1"]);
    const waiting = broker.publish("t", "b", { retention: RETENTION });
    await side.sendCommand(["REPLICAOF", "NO", "ONE"]);
    await within(waiting, "the publication", SLOW_MS);
    assert.deepEqual(each.heard, ["a", "b"]);
  } finally {
    side.destroy();
    await broker.close();
  }
});

// A read of 32 MB at once: centrifugal/centrifugo reads a whole stream for each client that returns.
test("a hundred readers of one topic cost Redis one read", async () => {
  await using server = await RedisServer.start();
  const writer = new RedisBroker({ url: server.url });
  const reader = new RedisBroker({ url: server.url });
  const side = await server.connect();
  const calls = async () => {
    const stats = String(await side.sendCommand<string>(["INFO", "commandstats"]));
    return Number(/cmdstat_xrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  try {
    for (const i of numbers(100)) await writer.publish("t", `m${i}`, { retention: RETENTION });
    await reader.subscribe("t", scribe());
    await side.configResetStat();
    const { position } = await reader.read("t");
    const histories = await Promise.all(
      numbers(100).map((i) => reader.read("t", { ...position, offset: i - 1 })),
    );
    histories.forEach(({ publications, recovered }, i) => {
      assert.deepEqual([publications.length, recovered], [100 - i, true]);
    });
    assert.ok((await calls()) <= 1, `${await calls()} reads of the stream`);
  } finally {
    side.destroy();
    await writer.close();
    await reader.close();
  }
});
