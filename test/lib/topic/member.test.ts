import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import {
  type Connection,
  createLog,
  type Encode,
  Hub,
  type SlowEvent,
  type SlowPolicy,
  slowChannel,
} from "koa-subapps";
import type { TestSocket } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { Held } from "../../support/held.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until, within } from "../../support/within.ts";

const HIGH_WATER_BYTES = 16 * 1024;
const MAX_BUFFERED_BYTES = 256 * 1024;
const LIMITS = { highWaterBytes: HIGH_WATER_BYTES, maxBufferedBytes: MAX_BUFFERED_BYTES };
/** As long as the high-water mark: the kernel's buffers are full after some hundred of these. */
const PADDING = "x".repeat(HIGH_WATER_BYTES);
/** What the kernel's buffers of one connection take at most, many times over. */
const FLOOD = 20_000;
const WAITING_MESSAGES = 64;
const HISTORY = { count: 3, ageMs: 3_600_000 };

/** Collects what the channel tells until the test ends. */
function slowEvents(t: TestContext): SlowEvent[] {
  const events: SlowEvent[] = [];
  const note = (event: unknown) => void events.push(event as SlowEvent);
  slowChannel.subscribe(note);
  t.after(() => slowChannel.unsubscribe(note));
  return events;
}

/** Publishes numbered messages, as fast as the fast member reads, until a condition holds. */
async function flood(
  hub: Hub,
  topic: string,
  fast: Connection,
  enough: () => boolean,
  each: () => void = () => {},
): Promise<number> {
  for (let n = 0; n < FLOOD; n++) {
    if (enough()) return n;
    await hub.publish(topic, `${n} ${PADDING}`);
    each();
    await within(fast.drained(), "the fast member to keep up");
  }
  throw new Error(`expected the slow member to be noticed within ${FLOOD} messages`);
}

/** The numbers of the messages that a client receives, up to `last`. */
async function numbers(client: TestSocket): Promise<number[]> {
  const received: number[] = [];
  for (;;) {
    const text = (await client.receive({ timeoutMs: 10_000 })).toString();
    if (text === "last") return received;
    received.push(Number(text.split(" ")[0]));
  }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("a member that does not read", () => {
  test("is closed 1013 by default, within its bound, and the others get everything", async (t) => {
    const events = slowEvents(t);
    await using held = await Held.start(LIMITS);
    const hub = new Hub({ retention: HISTORY });
    const [slow, fast] = await held.openAll(2);
    assert.ok(slow && fast);
    await hub.join("t", slow.connection);
    await hub.join("t", fast.connection);
    slow.client.ws.pause();
    let most = 0;
    const published = await flood(
      hub,
      "t",
      fast.connection,
      () => !slow.connection.open,
      () => {
        most = Math.max(most, slow.connection.bufferedBytes);
      },
    );
    // One message may go out below the bound and end above it; its close frame follows.
    assert.ok(most > MAX_BUFFERED_BYTES - PADDING.length, String(most));
    assert.ok(most < MAX_BUFFERED_BYTES + 2 * PADDING.length, String(most));
    await hub.publish("t", "last");
    assert.deepEqual(await numbers(fast.client), upTo(published));
    slow.client.ws.resume();
    assert.deepEqual(await slow.client.closed(), {
      code: 1013,
      reason: `more than ${MAX_BUFFERED_BYTES} bytes behind`,
    });
    await until(() => hub.members("t").length === 1, "the slow member to be gone");
    assert.deepEqual(events, [], "it lost its connection, and knows it");
  });

  for (const [policy, kept] of [
    ["drop-oldest", WAITING_MESSAGES],
    ["latest", 1],
  ] as const) {
    test(`keeps ${kept} waiting under ${policy}; what it lost is counted, and it lives on`, async (t) => {
      const events = slowEvents(t);
      await using held = await Held.start(LIMITS);
      const hub = new Hub({ retention: HISTORY, slow: policy });
      const [slow, fast] = await held.openAll(2);
      assert.ok(slow && fast);
      await hub.join("t", slow.connection);
      await hub.join("t", fast.connection);
      slow.client.ws.pause();
      let most = 0;
      const published = await flood(
        hub,
        "t",
        fast.connection,
        () => events.length >= 100,
        () => {
          most = Math.max(most, slow.connection.bufferedBytes);
        },
      );
      assert.ok(most < HIGH_WATER_BYTES + 2 * PADDING.length, String(most));
      assert.deepEqual(
        events.map(({ dropped }) => dropped),
        upTo(100).map((n) => n + 1),
      );
      for (const event of events) {
        assert.equal(event.connection, slow.connection);
        assert.deepEqual([event.topic, event.policy], ["t", policy]);
      }
      slow.client.ws.resume();
      const received: number[] = [];
      while (received.at(-1) !== published - 1) {
        const text = (await slow.client.receive({ timeoutMs: 10_000 })).toString();
        received.push(Number(text.split(" ")[0]));
      }
      // What was on its way, then what waited; nothing else, and in order.
      const before = upTo(published - 100 - kept);
      const waited = upTo(kept).map((n) => published - kept + n);
      assert.deepEqual(received, [...before, ...waited]);
      await until(() => slow.connection.ready, "the slow member to have caught up");
      await hub.publish("t", "last");
      assert.deepEqual(await numbers(slow.client), []);
      assert.deepEqual(await numbers(fast.client), upTo(published));
      assert.equal(events.length, 100);
    });
  }

  test("may be dealt with differently in each topic", async (t) => {
    const events = slowEvents(t);
    await using held = await Held.start(LIMITS);
    const policyOf = (topic: string): SlowPolicy => (topic === "prices" ? "latest" : "disconnect");
    const hub = new Hub({ retention: HISTORY, slow: policyOf });
    for (const topic of ["prices", "orders"]) {
      const [slow, fast] = await held.openAll(2);
      assert.ok(slow && fast);
      await hub.join(topic, slow.connection);
      await hub.join(topic, fast.connection);
      slow.client.ws.pause();
      const before = events.length;
      const noticed = () => events.length > before || !slow.connection.open;
      await flood(hub, topic, fast.connection, noticed);
      assert.deepEqual(
        [events.length > before, slow.connection.open],
        Array(2).fill(topic === "prices"),
      );
      slow.client.terminate();
    }
  });

  test("that leaves while messages wait for it takes them along", async (t) => {
    const events = slowEvents(t);
    await using held = await Held.start(LIMITS);
    const hub = new Hub({ retention: HISTORY, slow: "drop-oldest" });
    const [slow, fast] = await held.openAll(2);
    assert.ok(slow && fast);
    await hub.join("t", slow.connection);
    await hub.join("t", fast.connection);
    slow.client.ws.pause();
    const published = await flood(hub, "t", fast.connection, () => events.length > 0);
    slow.client.terminate();
    await within(slow.connection.closed, "the end");
    await until(() => hub.members("t").length === 1, "the slow member to be gone");
    await hub.publish("t", "last");
    assert.deepEqual(await numbers(fast.client), upTo(published));
    assert.equal(events.length, 1);
  });

  for (const [end, ending] of [
    ["is closed", (_hub: Hub, connection: Connection) => connection.close(4000)],
    [
      "is taken out, and goes on",
      (hub: Hub, connection: Connection) => {
        hub.leave("t", connection);
        void connection.send("something else");
        void connection.send("last");
      },
    ],
  ] as const) {
    test(`that ${end} is sent what still waits for it first`, async (t) => {
      const events = slowEvents(t);
      await using held = await Held.start(LIMITS);
      const hub = new Hub({ retention: HISTORY, slow: "drop-oldest" });
      const [slow, fast] = await held.openAll(2);
      assert.ok(slow && fast);
      await hub.join("t", slow.connection);
      await hub.join("t", fast.connection);
      const received: string[] = [];
      slow.client.ws.on("message", (data) => received.push(String(data).split(" ")[0] ?? ""));
      slow.client.ws.pause();
      const published = await flood(hub, "t", fast.connection, () => events.length >= 10);
      ending(hub, slow.connection);
      slow.client.ws.resume();
      await until(
        () => received.at(-1) === "last" || slow.client.ws.readyState === WebSocket.CLOSED,
        "all that waited",
      );
      const numbered = received.filter((text) => !Number.isNaN(Number(text)));
      const before = upTo(published - 10 - WAITING_MESSAGES);
      const waited = upTo(WAITING_MESSAGES).map((n) => published - WAITING_MESSAGES + n);
      assert.deepEqual(numbered, [...before, ...waited].map(String));
      assert.equal(events.length, 10, "nothing more is dropped");
      assert.ok(slow.connection.open || (await slow.connection.closed).code === 4000);
    });
  }

  test("gets nothing of the old epoch after the welcome of the new one", async (t) => {
    const events = slowEvents(t);
    await using held = await Held.start(LIMITS);
    const broker = new RestartingBroker();
    const hub = new Hub({ broker, retention: HISTORY, slow: "drop-oldest" });
    const [slow, fast] = await held.openAll(2);
    assert.ok(slow && fast);
    const encode: Encode = (data, publication) => (publication ? data : undefined);
    const welcome = ({ recovered }: { recovered: boolean | null }) => `welcome ${recovered}`;
    await hub.join("t", slow.connection, { encode, welcome });
    await hub.join("t", fast.connection);
    slow.client.ws.pause();
    const published = await flood(hub, "t", fast.connection, () => events.length > 0);
    await broker.restart("t");
    await hub.publish("t", "new");
    await hub.publish("t", "last");
    slow.client.ws.resume();
    const received: string[] = [];
    while (received.at(-1) !== "last") {
      const text = (await slow.client.receive({ timeoutMs: 10_000 })).toString();
      received.push(text.length > 100 ? String(text.split(" ")[0]) : text);
    }
    const before = upTo(published - 1 - WAITING_MESSAGES).map(String);
    assert.deepEqual(received, ["welcome null", ...before, "welcome false", "new", "last"]);
  });
});

describe("the log of a server", () => {
  /** A log that collects its lines. */
  function lines() {
    const written: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => void written.push(JSON.parse(line)) };
    return { written, log: createLog({ level: "warn", destination }) };
  }

  test("warns of a slow member of its own, at the first message that is lost and each tenfold", async (t) => {
    const events = slowEvents(t);
    const [mine, other] = [lines(), lines()];
    await using held = await Held.start(LIMITS, { log: mine.log });
    await using _elsewhere = await Held.start(LIMITS, { log: other.log });
    const hub = new Hub({ retention: HISTORY, slow: "latest" });
    const slow = await held.open("/mounted/?token=secret");
    const fast = await held.open();
    await hub.join("t", slow.connection);
    await hub.join("t", fast.connection);
    slow.client.ws.pause();
    await flood(hub, "t", fast.connection, () => events.length >= 150);
    slow.client.terminate();
    assert.deepEqual(
      mine.written.map(({ level, event, path, topic, policy, dropped }) => ({
        level,
        event,
        path,
        topic,
        policy,
        dropped,
      })),
      [1, 10, 100].map((dropped) => ({
        level: 40,
        event: "slow",
        path: "/mounted/",
        topic: "t",
        policy: "latest",
        dropped,
      })),
    );
    assert.match(
      String(mine.written[0]?.msg),
      /^127\.0\.0\.1:\d+ - "WebSocket \/mounted\/" \[slow: 1 messages dropped, latest\]$/,
    );
    assert.deepEqual(other.written, []);
  });

  test("listens no longer than its server", async () => {
    assert.equal(slowChannel.hasSubscribers, false);
    {
      await using _held = await Held.start();
      assert.equal(slowChannel.hasSubscribers, true);
    }
    assert.equal(slowChannel.hasSubscribers, false);
  });
});
