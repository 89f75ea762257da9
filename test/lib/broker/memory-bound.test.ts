import assert from "node:assert/strict";
import { describe, test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import { BrokerFull, MemoryBroker, type Subscriber } from "koa-subapps";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

const MIB = 1024 * 1024;
const retention = { count: 1_000, ageMs: 3_600_000 };
const subscriber: Subscriber = { message() {}, signal() {}, epoch() {} };

/** What is on the heap when all that is not held is gone. */
function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** What strangers can make a broker hold, each with a name of its own. */
const FILLS: Record<string, (broker: MemoryBroker, i: number) => Promise<unknown>> = {
  "empty topics": (broker, i) => broker.read(`topic-${i}`),
  "topics that were left": async (broker, i) => {
    await broker.subscribe(`topic-${i}`, subscriber);
    await broker.unsubscribe(`topic-${i}`, subscriber);
  },
  "topics with a message": (broker, i) => broker.publish(`topic-${i}`, "x", { retention }),
  "topics with long names": (broker, i) => broker.read(`${i}`.padEnd(2_000, "ü")),
  "messages with long keys": (broker, i) =>
    broker.publish(`topic-${i % 20}`, "x", { retention, key: `${i}`.padEnd(1_000, "ü") }),
  "topics with a subscriber": (broker, i) => broker.subscribe(`topic-${i}`, subscriber),
};

describe("the bound of a memory broker holds", () => {
  for (const [what, fill] of Object.entries(FILLS)) {
    test(`for ${what}`, async () => {
      const maxBytes = 4 * MIB;
      const broker = new MemoryBroker({ maxBytes });
      const before = heapBytes();
      let refused = 0;
      for (let i = 0; i < 40_000; i++) {
        try {
          await fill(broker, i);
        } catch (error) {
          assert.ok(error instanceof BrokerFull, String(error));
          refused++;
        }
      }
      const held = heapBytes() - before;
      assert.ok(broker.bytes <= maxBytes, `it counts ${broker.bytes} bytes`);
      // What it counts is rounded up: what it holds is less. Half of it more, for the heap's own.
      assert.ok(held < 1.5 * maxBytes, `it holds ${held} bytes`);
      assert.equal(refused > 0, what === "topics with a subscriber");
      await broker.close();
      assert.equal(broker.bytes, 0);
    });
  }
});

describe("over its bound a memory broker", () => {
  test("forgets topics without subscribers and messages before any history", async () => {
    const broker = new MemoryBroker({ maxBytes: MIB });
    const { position } = await broker.publish("kept", "a", { retention });
    for (let i = 0; i < 20_000; i++) await broker.read(`topic-${i}`);
    const since = await broker.read("kept", { ...position, offset: 0 });
    assert.deepEqual([since.recovered, since.publications.length], [true, 1]);
    await broker.close();
  });

  test("tells who comes back to a topic it has forgotten that something may be lost", async () => {
    const broker = new MemoryBroker({ maxBytes: MIB });
    const { position } = await broker.publish("old", "a", { retention });
    for (let i = 0; i < 20_000; i++) await broker.publish(`topic-${i}`, "x", { retention });
    assert.equal((await broker.read("old", position)).recovered, false);
    await broker.close();
  });

  test("keeps the topics that have subscribers, and refuses a new one with what to do", async () => {
    const broker = new MemoryBroker({ maxBytes: MIB });
    const got: string[] = [];
    const listening = { ...subscriber, message: ({ data }: { data: string }) => got.push(data) };
    let open = 0;
    await assert.rejects(async () => {
      for (;;) await broker.subscribe(`topic-${open++}`, open === 1 ? listening : subscriber);
    }, /^BrokerFull: expected less than 1048576 bytes of topics .* raise maxBytes/);
    await assert.rejects(broker.publish("new", "a", { retention }), BrokerFull);
    await assert.rejects(broker.read("new"), BrokerFull);
    assert.equal((await broker.publish("topic-0", "still", { retention })).outcome, "published");
    assert.deepEqual(got, ["still"]);
    await broker.unsubscribe("topic-1", subscriber);
    await broker.subscribe("new", subscriber);
    await broker.close();
  });
});
