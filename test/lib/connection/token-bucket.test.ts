import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";
import { connectionLimits } from "../../../lib/connection/options.ts";
import { TokenBucket } from "../../../lib/connection/token-bucket.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

const INFINITE = Number.POSITIVE_INFINITY;

/** How many tokens can be taken at one moment. */
function takeAll(rate: TokenBucket, now: number): number {
  let taken = 0;
  while (taken < 10_000 && rate.take(now)) taken++;
  return taken;
}

describe("a token bucket", () => {
  test("has its burst at once and not one more", () => {
    assert.equal(takeAll(new TokenBucket(100, 500, 0), 0), 500);
    assert.equal(takeAll(new TokenBucket(100, 1, 0), 0), 1);
    assert.equal(takeAll(new TokenBucket(100, 0, 0), 0), 0);
  });

  test("gets its tokens back at its rate, and none before its time", () => {
    const rate = new TokenBucket(4, 2, 1_000);
    assert.equal(takeAll(rate, 1_000), 2);
    assert.equal(rate.take(1_249), false);
    assert.equal(rate.take(1_250), true);
    assert.equal(rate.take(1_250), false);
    assert.equal(takeAll(rate, 1_750), 2);
  });

  test("never holds more than its burst, however long it was idle", () => {
    const rate = new TokenBucket(100, 5, 0);
    assert.equal(takeAll(rate, 1e12), 5);
    assert.equal(rate.take(1e12), false);
  });

  test("loses nothing to being asked often in vain", () => {
    const rate = new TokenBucket(1, 1, 0);
    assert.equal(rate.take(0), true);
    // Steps of a power of two add up exactly.
    for (let now = 0.5; now < 1_000; now += 0.5) assert.equal(rate.take(now), false);
    assert.equal(rate.take(1_000.5), true);
  });

  test("gives in the long run what its rate is, whatever the pattern", () => {
    const rate = new TokenBucket(10, 20, 0);
    let taken = 0;
    for (let now = 0; now <= 10_000; now += 125) taken += takeAll(rate, now);
    assert.equal(taken, 20 + 100);
  });
});

describe("the rate of a connection's messages", () => {
  // So slow that no token comes back while the test runs.
  const SLOW = { messagesPerSecond: 0.001, burstMessages: 5 };
  const FULL = "too many messages a second";

  function counting(options: object): { app: App; seen: string[] } {
    const seen: string[] = [];
    const app = new App().websocket("/", options, async (socket) => {
      for await (const text of socket) {
        seen.push(text);
        await socket.send(text);
      }
    });
    return { app, seen };
  }

  async function open(client: TestClient): Promise<Wire> {
    const wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    assert.equal((await wire.head()).status, 101);
    return wire;
  }

  async function closedFor(wire: Wire, reason: string): Promise<void> {
    const { opcode, payload } = await wire.frame();
    assert.equal(opcode, 8);
    assert.equal(payload.readUInt16BE(0), 1008);
    assert.equal(payload.subarray(2).toString(), reason);
  }

  test("lets exactly the burst through, and closes 1008 at the message after it", async () => {
    const { app, seen } = counting(SLOW);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    for (let i = 0; i < 5; i++) {
      wire.write(frame(1, `${i}`));
      assert.equal((await wire.frame()).payload.toString(), `${i}`);
    }
    wire.write(frame(1, "one too many"));
    await closedFor(wire, FULL);
    assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  });

  test("hands nothing over that comes after the close, in the same packet or later", async () => {
    const { app, seen } = counting({ ...SLOW, burstMessages: 1 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    wire.write(frame(1, "first"));
    await wire.frame();
    wire.write(frame(1, "second"), frame(1, "third"), frame(9));
    await closedFor(wire, FULL);
    wire.write(frame(1, "fourth"), frame(8, Buffer.from([0x03, 0xf0])));
    await wire.end();
    assert.deepEqual(seen, ["first"]);
  });

  test("counts pings, and answers those that are within it", async () => {
    await using client = await TestClient.start(counting(SLOW).app);
    await using wire = await open(client);
    for (let i = 0; i < 5; i++) {
      wire.write(frame(9, `${i}`));
      const { opcode, payload } = await wire.frame();
      assert.deepEqual([opcode, payload.toString()], [10, `${i}`]);
    }
    wire.write(frame(9, "one too many"));
    // ws answers a ping by itself, so a pong may come before the close.
    let last = await wire.frame();
    if (last.opcode === 10) last = await wire.frame();
    assert.equal(last.opcode, 8);
    assert.equal(last.payload.readUInt16BE(0), 1008);
  });

  test("counts pings and messages together", async () => {
    await using client = await TestClient.start(counting({ ...SLOW, burstMessages: 2 }).app);
    await using wire = await open(client);
    wire.write(frame(9));
    assert.equal((await wire.frame()).opcode, 10);
    wire.write(frame(1, "a"));
    assert.equal((await wire.frame()).opcode, 1);
    wire.write(frame(1, "b"));
    await closedFor(wire, FULL);
  });

  test("counts a message once, in however many fragments it comes", async () => {
    const { app, seen } = counting({ ...SLOW, burstMessages: 1 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    wire.write(frame(1, "a", false), frame(0, "b", false), frame(0, "c", false), frame(0, "d"));
    assert.equal((await wire.frame()).payload.toString(), "abcd");
    assert.deepEqual(seen, ["abcd"]);
  });

  test("is each connection's own: a neighbour notices nothing", async () => {
    await using client = await TestClient.start(counting(SLOW).app);
    await using neighbour = await open(client);
    await using wire = await open(client);
    wire.write(frame(10), frame(9), frame(9));
    for (let i = 0; i < 2; i++) assert.equal((await wire.frame()).opcode, 10);
    wire.write(...Array.from({ length: 4 }, () => frame(1, "x")));
    let last = await wire.frame();
    while (last.opcode === 1) last = await wire.frame();
    assert.equal(last.payload.readUInt16BE(0), 1008);
    for (let i = 0; i < 5; i++) {
      neighbour.write(frame(1, "fine"));
      assert.equal((await neighbour.frame()).payload.toString(), "fine");
    }
  });

  test("is by default a burst of 500, of messages, pings and unasked pongs", async () => {
    const app = new App().websocket("/", async (socket) => void (await socket.closed));
    await using client = await TestClient.start(app);
    await using within = await open(client);
    within.write(...Array.from({ length: 450 }, () => frame(10)), frame(1, "x"), frame(9, "end"));
    assert.equal((await within.frame()).payload.toString(), "end");
    await using beyond = await open(client);
    beyond.write(...Array.from({ length: 1_000 }, () => frame(1, "x")));
    await closedFor(beyond, FULL);
  });

  test("counts pongs that nobody asked for, whatever is in them", async () => {
    for (const payload of ["", "x"]) {
      await using client = await TestClient.start(counting(SLOW).app);
      await using wire = await open(client);
      wire.write(...Array.from({ length: 6 }, () => frame(10, payload)));
      await closedFor(wire, FULL);
    }
  });

  test("does not count the answers to the server's own pings, and each of them once", async () => {
    const app = new App().websocket("/", { ...SLOW, heartbeatMs: 20 }, async (socket) => {
      await socket.closed;
    });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    for (let i = 0; i < 20; i++) {
      assert.equal((await wire.frame()).opcode, 9);
      wire.write(frame(10));
    }
    // To one ping seven answers: the first is free.
    assert.equal((await wire.frame()).opcode, 9);
    wire.write(...Array.from({ length: 7 }, () => frame(10)));
    let last = await wire.frame();
    while (last.opcode === 9) last = await wire.frame();
    assert.equal(last.payload.subarray(2).toString(), FULL);
  });
});

describe("the rate of a connection's bytes", () => {
  const SLOW = { bytesPerSecond: 0.001, burstBytes: 65_536, messages: "both" } as const;
  const FULL = "too many bytes a second (bytesPerSecond)";

  async function opened(options: object): Promise<{ client: TestClient; wire: Wire }> {
    const app = new App().websocket("/", { ...SLOW, ...options }, async (socket) => {
      for await (const _ of socket) await socket.send("taken");
    });
    const client = await TestClient.start(app);
    const wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    assert.equal((await wire.head()).status, 101);
    return { client, wire };
  }

  /** How many of the same frames are taken, one after the other, before the close. */
  async function taken(bytes: Buffer, options: object = {}): Promise<number> {
    const { client, wire } = await opened(options);
    await using _client = client;
    await using _wire = wire;
    for (let count = 0; ; count++) {
      wire.write(bytes);
      const { opcode, payload } = await wire.frame();
      if (opcode === 1) continue;
      assert.deepEqual([opcode, payload.readUInt16BE(0)], [8, 1008]);
      assert.equal(payload.subarray(2).toString(), FULL);
      return count;
    }
  }

  test("lets the burst through and closes 1008 at the message after it", async () => {
    assert.equal(await taken(frame(1, "x".repeat(16_384))), 4);
    assert.equal(await taken(frame(2, Buffer.alloc(16_384, 1))), 4);
  });

  test("counts a text as JSON tells it to others, and bytes as they are", async () => {
    // A character that takes six bytes, two, and three in UTF-8.
    assert.equal(await taken(frame(1, "\u0001".repeat(1_024))), 10);
    assert.equal(await taken(frame(1, '"'.repeat(8_192))), 4);
    assert.equal(await taken(frame(1, "\n".repeat(8_192))), 4);
    assert.equal(await taken(frame(1, "\u20ac".repeat(8_192))), 2);
    assert.equal(await taken(frame(2, Buffer.alloc(8_192, 1))), 8);
  });

  test("counts JSON as it came: its control characters are written out", async () => {
    const text = JSON.stringify({ text: "\u0001".repeat(1_364) });
    const receive = z.object({ text: z.string() });
    const options = { receive, messages: undefined };
    assert.equal(await taken(frame(1, text), options), Math.floor(65_536 / text.length));
  });

  test("is by default what the longest messages at their rate are", () => {
    const of = (options: object) => {
      const { bytesPerSecond, burstBytes } = connectionLimits(options);
      return [bytesPerSecond / 2 ** 20, burstBytes / 2 ** 20];
    };
    assert.deepEqual(of({}), [6.25, 2]);
    assert.deepEqual(of({ maxMessageBytes: 1024 }), [1, 2]);
    assert.deepEqual(of({ maxMessageBytes: 2 ** 24 }), [1_600, 512]);
    assert.deepEqual(
      of({ maxMessageBytes: 2 ** 24, messagesPerSecond: 0.1, burstMessages: 1 }),
      [16, 128],
    );
    assert.deepEqual(of({ messagesPerSecond: 0, burstMessages: 0 }), [1, 2]);
    const endless = { messagesPerSecond: INFINITE, burstMessages: INFINITE };
    assert.deepEqual(of(endless), [INFINITE, INFINITE]);
  });

  test("is refused where one message of the greatest length would be too much", () => {
    assert.throws(() => new App().websocket("/", { burstBytes: 65_535 }, () => {}), {
      name: "TypeError",
      message:
        "expected the option burstBytes of the WebSocket route / to be at least its maxMessageBytes, 65536, but got 65535",
    });
  });
});

test("a rate without end takes anything, at one moment too", () => {
  const rate = new TokenBucket(INFINITE, 5, 0);
  for (let i = 0; i < 100; i++) assert.equal(rate.take(0, 3), true);
});
