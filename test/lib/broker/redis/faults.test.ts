import assert from "node:assert/strict";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Position, Publication, Subscriber } from "../../../../lib/broker/broker.ts";
import { RedisBroker } from "../../../../lib/broker/redis/redis.ts";
import { Unavailable } from "../../../../lib/broker/redis/unavailable.ts";
import { startProxy } from "../../../support/proxy.ts";
import { RedisServer } from "../../../support/redis.ts";
import { until, within } from "../../../support/within.ts";

const RETENTION = { count: 1_000, ageMs: 60_000 };
const OPEN_MS = 10_000;
const SLOW_MS = 30_000;

/** What one process is told of a topic. */
class Scribe implements Subscriber {
  readonly offsets: number[] = [];
  readonly texts: string[] = [];
  readonly resets: Position[] = [];

  message({ offset, data }: Publication): void {
    this.offsets.push(offset);
    this.texts.push(data);
  }

  signal(data: string): void {
    this.texts.push(`signal ${data}`);
  }

  epoch(position: Position): void {
    this.resets.push(position);
  }
}

/** A broker, closed with its scope. */
async function openBroker(url: string): Promise<RedisBroker & AsyncDisposable> {
  const broker = new RedisBroker({ url });
  await broker.open(OPEN_MS);
  return Object.assign(broker, { [Symbol.asyncDispose]: () => broker.close() });
}

const say = (broker: RedisBroker, data: string, key?: string) =>
  broker.publish("t", data, { retention: RETENTION, ...(key !== undefined && { key }) });

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

test("two processes deliver the same messages in the same order", async () => {
  await using server = await RedisServer.start();
  await using one = await openBroker(server.url);
  await using two = await openBroker(server.url);
  const [first, second] = [new Scribe(), new Scribe()];
  await one.subscribe("t", first);
  await two.subscribe("t", second);
  await Promise.all(numbers(200).map((i) => say(i % 2 ? one : two, `m${i}`)));
  await until(() => first.offsets.length === 200 && second.offsets.length === 200, "all messages");
  assert.deepEqual([first.offsets, second.offsets], [numbers(200), numbers(200)]);
  assert.deepEqual(first.texts, second.texts);
  await one.signal("t", "passing");
  await until(() => second.texts.at(-1) === "signal passing", "the signal");
  assert.deepEqual(first.texts.slice(200), ["signal passing"]);
});

test("a server that is killed keeps the epoch and every message where each is on the disk first", async () => {
  await using server = await RedisServer.start("--appendonly", "yes", "--appendfsync", "always");
  await using broker = await openBroker(server.url);
  const scribe = new Scribe();
  await broker.subscribe("t", scribe);
  const { position } = await say(broker, "a");
  await say(broker, "b");
  await server.down("SIGKILL");
  const later = say(broker, "c");
  await server.up();
  assert.deepEqual((await within(later, "c", SLOW_MS)).position, { ...position, offset: 3 });
  assert.deepEqual([scribe.texts, scribe.resets], [["a", "b", "c"], []]);
});

test("a server that was restarted without that promise begins a new epoch, and says so", async () => {
  await using server = await RedisServer.start("--appendonly", "yes", "--appendfsync", "everysec");
  await using broker = await openBroker(server.url);
  const scribe = new Scribe();
  await broker.subscribe("t", scribe);
  const { position } = await say(broker, "a");
  await server.down("SIGKILL");
  await server.up();
  const after = await within(say(broker, "b"), "b", SLOW_MS);
  assert.notEqual(after.position.epoch, position.epoch);
  assert.equal((await broker.read("t", position)).recovered, false);
  assert.deepEqual([scribe.texts, scribe.resets.length], [["a", "b"], 1]);
});

test("a file whose end was cut off ends the epoch, though its server promises the disk", async () => {
  await using server = await RedisServer.start("--appendonly", "yes", "--appendfsync", "always");
  await using broker = await openBroker(server.url);
  const scribe = new Scribe();
  await broker.subscribe("t", scribe);
  const { position } = await say(broker, "a");
  const files = join(server.directory, "appendonlydir");
  const name = (await readdir(files)).find((each) => each.endsWith(".incr.aof")) as string;
  const { size } = await stat(join(files, name));
  await say(broker, "b");
  await say(broker, "c");
  await server.down("SIGKILL");
  await truncate(join(files, name), size);
  await server.up();
  const after = await within(say(broker, "d"), "d", SLOW_MS);
  assert.notEqual(after.position.epoch, position.epoch);
  assert.deepEqual(scribe.resets.length, 1);
});

test("a server whose data were deleted begins a new epoch in every process", async () => {
  await using server = await RedisServer.start();
  await using one = await openBroker(server.url);
  await using two = await openBroker(server.url);
  const [first, second] = [new Scribe(), new Scribe()];
  await one.subscribe("t", first);
  await two.subscribe("t", second);
  await say(one, "a");
  await until(() => second.texts.length === 1, "a");
  const side = await server.connect();
  await side.flushAll();
  side.destroy();
  await say(two, "b");
  await until(() => first.texts.length === 2, "b");
  assert.deepEqual([first.resets.length, second.resets.length], [1, 1]);
  assert.deepEqual(
    [first.offsets, second.offsets],
    [
      [1, 1],
      [1, 1],
    ],
  );
});

test("a publication whose answer is cut off is published once, a hundred times", async () => {
  await using server = await RedisServer.start();
  await using proxy = await startProxy(server.socket);
  await using broker = await openBroker(proxy.url.replace("http:", "redis:"));
  const side = await server.connect();
  const lengths = async () => {
    const [stream] = await side.keys("*:s:t");
    return stream ? side.xLen(stream) : 0;
  };
  try {
    // So that Redis knows the script: the answer that it does not would be cut off as well.
    await broker.publish("other", "a", { retention: RETENTION });
    for (let i = 1; i <= 100; i++) {
      proxy.mute();
      const publishing = say(broker, `m${i}`, i % 2 ? `k${i}` : undefined);
      await until(async () => (await lengths()) === i, `message ${i} in the stream`);
      proxy.cut();
      proxy.restore();
      const { outcome, position } = await within(publishing, `an answer to ${i}`, SLOW_MS);
      assert.deepEqual([outcome, position.offset], ["published", i]);
    }
    assert.equal(await lengths(), 100);
  } finally {
    side.destroy();
  }
});

test("messages that come while a process hears nothing are brought in order when it hears again", async () => {
  await using server = await RedisServer.start();
  await using one = await openBroker(server.url);
  await using two = await openBroker(server.url);
  const scribe = new Scribe();
  await one.subscribe("t", scribe);
  const side = await server.connect();
  try {
    for (let round = 0; round < 5; round++) {
      const before = scribe.offsets.length;
      await side.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
      for (const i of numbers(20)) await say(two, `m${i}`);
      await until(() => scribe.offsets.length === before + 20, "all of a round", SLOW_MS);
    }
    assert.deepEqual([scribe.offsets, scribe.resets], [numbers(100), []]);
  } finally {
    side.destroy();
  }
});

test("a server that has forgotten the scripts is taught them again", async () => {
  await using server = await RedisServer.start();
  await using broker = await openBroker(server.url);
  await say(broker, "a");
  const side = await server.connect();
  await side.scriptFlush();
  side.destroy();
  assert.equal((await say(broker, "b")).position.offset, 2);
});

test("a server that does not answer refuses publications in the end, and none waits for ever", async () => {
  await using server = await RedisServer.start();
  await using broker = await openBroker(server.url);
  await say(broker, "a");
  server.signal("SIGSTOP");
  const outcomes = await within(
    Promise.allSettled(numbers(50).map((i) => say(broker, `m${i}`))),
    "every publication to be answered",
    SLOW_MS,
  );
  const reasons = outcomes.map((each) => each.status === "rejected" && each.reason);
  assert.ok(reasons.every((reason) => reason instanceof Unavailable));
  server.signal("SIGCONT");
  await until(
    () =>
      say(broker, "b").then(
        () => true,
        () => false,
      ),
    "a publication after it",
    SLOW_MS,
  );
});

test("with more on their way than may be, publications are refused at once and none is lost silently", async () => {
  await using server = await RedisServer.start();
  await using broker = await openBroker(server.url);
  const big = "x".repeat(1024 * 1024);
  const outcomes = await Promise.allSettled(
    numbers(30).map((i) => broker.publish("t", big, { retention: { count: i, ageMs: 1_000 } })),
  );
  const published = outcomes.filter(({ status }) => status === "fulfilled").length;
  assert.ok(published >= 16 && published < 30, `${published} were published`);
  const { position } = await broker.read("t");
  assert.equal(position.offset, published);
});

test("a server without memory refuses, and what it had is still there", async () => {
  await using server = await RedisServer.start();
  await using broker = await openBroker(server.url);
  await say(broker, "a");
  const side = await server.connect();
  await side.configSet("maxmemory", "1");
  await assert.rejects(say(broker, "b"), Unavailable);
  await side.configSet("maxmemory", "0");
  side.destroy();
  const { publications } = await broker.read("t");
  assert.deepEqual(
    publications.map(({ data }) => data),
    ["a"],
  );
});
