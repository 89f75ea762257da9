import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { MemoryBroker } from "../../../lib/index.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { brokerContract, type Engine } from "./contract.ts";

const STEP_MS = 1_000;

/** Takes the clock and the intervals of this process into the test's hands. */
function clock(): Pick<Engine, "pass" | "held" | "dispose"> {
  mock.timers.enable({ apis: ["Date", "setInterval"], now: Date.UTC(2026, 0) });
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
      for (let left = ms; left > 0; left -= STEP_MS) mock.timers.tick(Math.min(left, STEP_MS));
    },
    held: () => [...running].map(() => "interval"),
    dispose: async () => {
      Object.assign(globalThis, { setInterval, clearInterval });
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

test("the memory broker forgets at once where a topic may not be idle", async () => {
  const broker = new MemoryBroker({ idleMs: 0 });
  const subscriber = { message() {}, signal() {}, epoch() {} };
  await broker.subscribe("t", subscriber);
  assert.deepEqual(await broker.topics(), ["t"]);
  await broker.unsubscribe("t", subscriber);
  assert.deepEqual(await broker.topics(), []);
});
