import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { App, CloseError, type Connection } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";
import { Closing } from "../../../lib/connection/closing.ts";
import { DEBTS } from "../../../lib/connection/debts.ts";
import { ticker } from "../../../lib/loop/ticker.ts";
import { turned } from "../../support/turned.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";
import { until, within } from "../../support/within.ts";

const [TEXT, BINARY, CLOSE, PING] = [1, 2, 8, 9];
const COUNT = 200;

/** A handler that takes its time with each message, and what it was given. */
function slowEcho(options: object = {}): { app: App; seen: unknown[]; codes: Promise<number> } {
  const seen: unknown[] = [];
  let tell: (code: number) => void = () => {};
  const codes = new Promise<number>((resolve) => {
    tell = resolve;
  });
  const app = new App().websocket("/", options, async (socket: Connection<unknown>) => {
    for await (const message of socket) {
      seen.push(message);
      await turn();
      await socket.send(`answer ${seen.length}`);
    }
    tell((await socket.closed).code);
  });
  return { app, seen, codes };
}

async function open(client: TestClient, allowHalfOpen = false): Promise<Wire> {
  const wire = await Wire.connect(client.url, allowHalfOpen);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  return wire;
}

/** The texts that come before the close frame, and its code; 1006 for an end without one. */
async function rest(wire: Wire): Promise<{ texts: string[]; code: number; reason: string }> {
  const texts: string[] = [];
  for (;;) {
    // Its own deadline is as long as a close may take.
    await until(() => wire.buffer.length > 0 || wire.ended, "a frame or the end", 60_000);
    const next = await wire.frame().catch((error: Error) => {
      if (wire.ended && wire.buffer.length === 0) return undefined;
      throw error;
    });
    if (!next) return { texts, code: 1006, reason: "" };
    const { opcode, payload } = next;
    if (opcode === TEXT) texts.push(payload.toString());
    if (opcode !== CLOSE) continue;
    const code = payload.length ? payload.readUInt16BE(0) : 1005;
    return { texts, code, reason: payload.subarray(2).toString() };
  }
}

const answers = (count: number) => Array.from({ length: count }, (_, i) => `answer ${i + 1}`);
const closing = (code: number) => frame(CLOSE, Buffer.from([code >> 8, code & 255]));

const receive = z.object({ n: z.number() });
/** What ends a connection for what the client sends, the code that it gets, the route. */
const ends: [what: string, bytes: Buffer, code: number, options?: object, each?: string][] = [
  ["a close frame", closing(4000), 4000],
  ["a close frame without a code", frame(CLOSE), 1005],
  ["a frame with a reserved bit", Buffer.from([0xb1, 0x80, 0, 0, 0, 0]), 1002],
  ["an unknown opcode", frame(5), 1002],
  ["a frame without a mask", Buffer.from([0x81, 0x01, 0x61]), 1002],
  ["a close frame with a code that may not be sent", closing(1005), 1002],
  ["a text that is not UTF-8", frame(TEXT, Buffer.from([0xff])), 1007],
  ["a message that is too long", frame(TEXT, "x".repeat(101)), 1009, { maxMessageBytes: 100 }],
  [
    "too many fragments",
    Buffer.concat([frame(TEXT, "", false), ...Array(2_100).fill(frame(0, "", false))]),
    1008,
  ],
  ["a binary message", frame(BINARY, "x"), 1003],
  [
    "one message too many",
    frame(TEXT, "x"),
    1008,
    { messagesPerSecond: 0.001, burstMessages: COUNT },
  ],
  ["one ping too many", frame(PING, "x"), 1008, { messagesPerSecond: 0.001, burstMessages: COUNT }],
  [
    "too many bytes",
    frame(TEXT, "x".repeat(1_000)),
    1008,
    { bytesPerSecond: 0.001, burstBytes: 1_000, maxMessageBytes: 1_000 },
  ],
  ["a message that is not of the schema", frame(TEXT, "{}"), 1007, { receive }, '{"n":1}'],
];

describe("messages that came whole are answered before the close for", () => {
  for (const compression of [false, true]) {
    for (const [what, bytes, code, options = {}, each = "x"] of ends) {
      test(`${what}${compression ? ", on a route that may compress" : ""}, and nothing later is`, async () => {
        const { app, seen, codes } = slowEcho({ compression, ...options });
        await using client = await TestClient.start(app);
        await using wire = await open(client);
        const messages = Array.from({ length: COUNT }, () => frame(TEXT, each));
        wire.write(...messages, bytes, frame(TEXT, each), frame(PING));
        const last = await rest(wire);
        assert.deepEqual(last.texts, answers(COUNT));
        assert.equal(last.code, code);
        wire.write(frame(TEXT, each), closing(code === 1005 ? 1000 : code));
        await wire.end();
        assert.equal(seen.length, COUNT);
        assert.equal(await within(codes, "the handler to end"), code);
      });
    }
  }

  test("the end of the client's half, which the server answers with its own", async () => {
    const { app, seen, codes } = slowEcho();
    await using client = await TestClient.start(app);
    await using wire = await open(client, true);
    wire.write(
      ...Array.from({ length: COUNT }, () => frame(TEXT, "x")),
      frame(TEXT, "x").subarray(0, 3),
    );
    wire.socket.end();
    assert.deepEqual(await rest(wire), { texts: answers(COUNT), code: 1006, reason: "" });
    assert.equal(seen.length, COUNT);
    assert.equal(await within(codes, "the handler to end"), 1006);
  });

  test("a close frame and the end of the client's half together", async () => {
    const { app } = slowEcho();
    await using client = await TestClient.start(app);
    await using wire = await open(client, true);
    wire.write(...Array.from({ length: COUNT }, () => frame(TEXT, "x")), closing(1001));
    wire.socket.end();
    const { texts, code } = await rest(wire);
    assert.deepEqual([texts, code], [answers(COUNT), 1001]);
    await wire.end();
  });

  test("the drain of the server, which takes nothing more from then on", async () => {
    const { app, seen } = slowEcho();
    await using client = await TestClient.start(app, { graceSeconds: 20 });
    await using wire = await open(client);
    wire.write(...Array.from({ length: COUNT }, () => frame(TEXT, "x")));
    await until(() => seen.length > 0, "the first message");
    const draining = client.serving.close();
    wire.write(...Array.from({ length: COUNT }, () => frame(TEXT, "late")));
    const { texts, code } = await rest(wire);
    assert.equal(code, 1012);
    assert.deepEqual(texts, answers(seen.length));
    // One chunk, as far as the kernel does not cut it.
    assert.ok(!seen.includes("late"));
    wire.write(closing(1012));
    await draining;
  });
});

describe("a close waits for no more than that its handler is idle:", () => {
  /** Runs a handler, sends it texts and a close frame, and gives what it answers. */
  async function ending(
    handler: (socket: Connection) => Promise<unknown>,
    sent = ["1", "2"],
  ): Promise<{ texts: string[]; code: number; ms: number }> {
    const app = new App().websocket(
      "/",
      { heartbeatMs: 100 },
      async (socket) => void (await handler(socket)),
    );
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const before = ticker.now;
    wire.write(...sent.map((text) => frame(TEXT, text)), closing(4000));
    const { texts, code } = await rest(wire);
    const ms = ticker.now - before;
    wire.socket.destroy();
    return { texts, code, ms };
  }
  /** Far from the five seconds; on the ticker's clock, which a busy machine does not advance. */
  const AT_ONCE_MS = 3_000;

  const idle: [string, (socket: Connection) => Promise<unknown>, string[], number?][] = [
    ["one that has read nothing, and awaits the end", (socket) => socket.closed, []],
    [
      "one that reads a message, answers, and awaits the end",
      async (socket) => {
        await socket.send(`got ${await socket.receive()}`);
        return socket.closed;
      },
      ["got 1"],
    ],
    [
      "one that leaves its loop and awaits the end",
      async (socket) => {
        for await (const text of socket) {
          await turn();
          await socket.send(`got ${text}`);
          break;
        }
        await socket.closed;
      },
      ["got 1"],
    ],
    [
      "one that returns: the client's own code stands",
      async (socket) => {
        await socket.receive();
        await turn();
        await socket.send("bye");
      },
      ["bye"],
    ],
    [
      "one that closes by itself: its code is what the client is told",
      async (socket) => {
        await socket.receive();
        await turn();
        void socket.send("bye");
        socket.close(4001, "enough");
      },
      ["bye"],
      4001,
    ],
    [
      "one that throws",
      async (socket) => {
        await socket.receive();
        await turn();
        throw new CloseError(4002);
      },
      [],
      4002,
    ],
    [
      "one that asks for the next message before it answers the last",
      async (socket) => {
        for await (const text of socket) void socket.send(new Blob([text]));
      },
      [],
    ],
  ];
  for (const [what, handler, texts, code = 4000] of idle) {
    test(what, async () => {
      const end = await ending(handler);
      assert.deepEqual([end.texts, end.code], [texts, code]);
      assert.ok(end.ms < AT_ONCE_MS, `${end.ms} ms`);
    });
  }

  test("one that was sent nothing does not hold it, whatever it does", async () => {
    let release: () => void = () => {};
    const busy = new Promise<void>((resolve) => {
      release = resolve;
    });
    const end = await ending(async (socket) => {
      await socket.send("working");
      await Promise.race([busy, socket.closed.then(() => {})]);
    }, []);
    release();
    assert.deepEqual([end.texts, end.code], [["working"], 4000]);
    assert.ok(end.ms < AT_ONCE_MS, `${end.ms} ms`);
  });

  test("one that never is holds it for five seconds at most", async () => {
    const end = await ending(async (socket) => {
      await socket.receive();
      await new Promise((resolve) => socket.signal.addEventListener("abort", resolve));
    });
    assert.deepEqual([end.texts, end.code], [[], 4000]);
  });

  test("one that never is holds it no longer than the grace period, and the client is told", async () => {
    let begun = false;
    const app = new App().websocket("/", async (socket) => {
      await socket.receive();
      begun = true;
      await new Promise((resolve) => socket.signal.addEventListener("abort", resolve));
    });
    const client = await TestClient.start(app, { graceSeconds: 2 });
    await using wire = await open(client);
    await using leaving = await open(client);
    wire.write(frame(TEXT, "x"));
    leaving.write(frame(TEXT, "x"), closing(4000));
    await until(() => begun, "the handlers to begin");
    const draining = client.serving.close();
    assert.equal((await rest(wire)).code, 1012);
    assert.equal((await rest(leaving)).code, 4000);
    for (const each of [wire, leaving]) each.socket.destroy();
    await within(draining, "the drain to end");
    await client.close();
  });

  test("a client that is gone holds nothing", async () => {
    let [begun, ended] = [false, false];
    const app = new App().websocket("/", async (socket) => {
      await socket.receive();
      begun = true;
      await socket.ended;
      ended = true;
    });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const before = ticker.now;
    wire.write(frame(TEXT, "x"), closing(4000));
    await until(() => begun, "the handler to begin");
    wire.socket.resetAndDestroy();
    await until(() => ended, "the handler to end");
    assert.ok(ticker.now - before < AT_ONCE_MS);
  });
});

describe("a client that does not answer the server's close frame", () => {
  /** A client that is cut off because it does not read, and has not read since. */
  async function cutOff(
    client: TestClient,
  ): Promise<{ wire: Wire; sent: number; connection: Connection }> {
    const wire = await open(client);
    wire.socket.pause();
    const [live] = client.serving.upgrades.live;
    const connection = live?.connection as Connection;
    let sent = 0;
    while (connection.open) {
      void connection.send(`${sent}:`.padEnd(50_000, "x"));
      if (connection.open) sent++;
      await turn();
    }
    return { wire, sent, connection };
  }

  test("but reads again in time sees all that was sent, and then the close", async () => {
    const app = new App().websocket("/", async (socket) => void (await socket.closed));
    const cut: number[] = [];
    await using client = await TestClient.start(app);
    client.serving.upgrades.on("cutOff", (_, bytes) => cut.push(bytes));
    const { wire, sent, connection } = await cutOff(client);
    await turned(4_000);
    wire.socket.resume();
    for (let i = 0; i < sent; i++) {
      const { payload } = await wire.frame();
      assert.ok(payload.toString().startsWith(`${i}:`));
    }
    const { payload } = await wire.frame();
    assert.equal(payload.readUInt16BE(0), 1013);
    wire.write(frame(CLOSE, payload.subarray(0, 2)));
    assert.equal((await within(connection.ended, "the end")).code, 1013);
    assert.equal(cut.length, 1);
    assert.ok((cut[0] ?? 0) > 2 ** 20 && (cut[0] ?? 0) < 2 ** 20 + 60_000, `${cut} bytes behind`);
  });

  test("and reads nothing is gone after five seconds", async () => {
    const app = new App().websocket("/", async (socket) => void (await socket.closed));
    await using client = await TestClient.start(app);
    const { wire, connection } = await cutOff(client);
    const before = ticker.now;
    assert.equal((await within(connection.ended, "the end", 60_000)).code, 1006);
    const ms = ticker.now - before;
    assert.ok(ms >= 5_000 && ms <= 7_500, `${ms} ms`);
    await wire[Symbol.asyncDispose]();
  });

  test("and reads a little now and then is not kept for ever", () => {
    let [behind, rounds, isGone] = [1_000, 0, false];
    const ws = {
      OPEN: 1,
      readyState: 1,
      closeNow() {},
      resume() {},
      terminate: () => {
        isGone = true;
      },
    };
    const writer = {
      writeOut() {},
      end() {},
      get bufferedBytes() {
        return behind;
      },
    };
    const inbox = { end() {}, isIdle: true };
    const liveness = { endIn() {} };
    const closing = new Closing(ws as never, inbox as never, liveness as never, writer as never, {
      [DEBTS]: undefined,
    });
    closing.now(1013, "behind");
    for (; !isGone && rounds < 100; rounds++) {
      behind--;
      closing.late();
    }
    assert.deepEqual([isGone, rounds], [true, 6]);
  });
});
