import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { MemoryBroker } from "koa-subapps";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { brokerContract, type Engine } from "./contract.ts";

const STEP_MS = 1_000;

/** Takes the clock and the intervals of this process into the test's hands. */
function clock(): Pick<Engine, "pass" | "held" | "dispose"> {
  mock.timers.enable({ apis: ["Date", "setInterval"], now: Date.UTC(2026, 0) });
  // What is a duration is measured on the monotonic clock.
  let now = performance.now();
  const monotonic = mock.method(performance, "now", () => now);
  const { setInterval, clearInterval } = globalThis;
  const running = new Set<NodeJS.Timeout>();
  globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
    const timer = setInterval(...args);
    running.add(timer);
    return timer;
  }) as typeof setInterval;
  globalThis.clearInterval = (timer) => {
    running.delete(timer as NodeJS.Timeout);
    clearInterval(timer);
  };
  return {
    // Step by step: within one tick every interval sees the clock of its end.
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        now += Math.min(left, STEP_MS);
        mock.timers.tick(Math.min(left, STEP_MS));
      }
    },
    held: () => [...running].map(() => "interval"),
    dispose: async () => {
      Object.assign(globalThis, { setInterval, clearInterval });
      monotonic.mock.restore();
      mock.timers.reset();
    },
  };
}

brokerContract("memory", async (options) => ({ ...clock(), broker: new MemoryBroker(options) }));

// The support of other tests is an engine too, and one whose epochs end.
brokerContract("restarting", async (options) => {
  const broker = new RestartingBroker(options);
  const endEpoch = async (topic: string) => void (await broker.restart(topic));
  return { ...clock(), broker, endEpoch };
});

test("the memory broker has one interval for all topics, and none that keeps the process alive", async () => {
  const { held, dispose } = clock();
  const broker = new MemoryBroker();
  try {
    assert.deepEqual(held(), []);
    for (let i = 0; i < 10; i++) await broker.read(`t${i}`);
    assert.deepEqual(held(), ["interval"]);
  } finally {
    await broker.close();
    assert.deepEqual(held(), []);
    await dispose();
  }
});

test("a wall clock that is set back an hour keeps no topic and no message longer", async (t) => {
  const { pass, dispose } = clock();
  const broker = new MemoryBroker({ idleMs: 60_000 });
  try {
    await broker.read("idle");
    await broker.publish("t", "a", { retention: { count: 10, ageMs: 60_000 } });
    const set = t.mock.method(Date, "now", () => Date.UTC(2025, 11, 31, 23));
    await pass(60_000);
    assert.deepEqual(await broker.topics(), ["t"]);
    assert.deepEqual((await broker.read("t")).publications, []);
    await pass(60_000);
    assert.deepEqual(await broker.topics(), []);
    set.mock.restore();
  } finally {
    await broker.close();
    await dispose();
  }
});

test("a wall clock that is set on a year drops no message", async (t) => {
  const broker = new MemoryBroker();
  const { position } = await broker.publish("t", "a", { retention });
  t.mock.method(Date, "now", () => Date.UTC(2040, 0));
  await broker.publish("t", "b", { retention });
  const { publications, recovered } = await broker.read("t", { ...position, offset: 0 });
  assert.deepEqual([publications.map(({ data }) => data), recovered], [["a", "b"], true]);
  await broker.close();
});

test("the memory broker forgets at once where a topic may not be idle", async () => {
  const broker = new MemoryBroker({ idleMs: 0 });
  const subscriber = { message() {}, signal() {}, epoch() {} };
  await broker.subscribe("t", subscriber);
  assert.deepEqual(await broker.topics(), ["t"]);
  await broker.unsubscribe("t", subscriber);
  assert.deepEqual(await broker.topics(), []);
});

const retention = { count: 1_000, ageMs: 60_000 };

test("what all topics retain is bounded in bytes, however many topics there are", async () => {
  const broker = new MemoryBroker({ maxBytes: 1024 * 1024 });
  const first = await broker.subscribe("room-0", { message() {}, signal() {}, epoch() {} });
  // Far more than fits: eight times a mebibyte of UTF-16.
  for (let i = 0; i < 400; i++)
    await broker.publish(`room-${i}`, "x".repeat(10_000), { retention });
  const held = await Promise.all(
    Array.from(
      { length: 400 },
      async (_, i) => (await broker.read(`room-${i}`)).publications.length,
    ),
  );
  const kept = held.filter((count) => count > 0).length;
  assert.ok(kept > 0 && kept * 20_000 <= 1024 * 1024, `${kept} topics keep a message`);
  assert.deepEqual(held.slice(-kept), Array(kept).fill(1), "the ones that were published to last");
  // Who knows the evicted topic's position is told that something is missing.
  assert.equal((await broker.read("room-0", first)).recovered, false);
  await broker.close();
});

test("one topic may retain a sixteenth of it, and loses its own oldest first", async () => {
  const broker = new MemoryBroker({ maxBytes: 1024 * 1024 });
  await broker.publish("quiet", "still here", { retention });
  for (let i = 0; i < 200; i++) await broker.publish("loud", "x".repeat(1_000), { retention });
  const { publications, position } = await broker.read("loud");
  assert.equal(position.offset, 200);
  assert.equal(publications.at(-1)?.offset, 200);
  assert.ok(
    publications.length > 10 && publications.length < 30,
    `${publications.length} are kept`,
  );
  assert.equal((await broker.read("quiet")).publications[0]?.data, "still here");
  await broker.close();
});
