import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App, CloseError, type Connection, type MessageKind } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { frame, handshake, Wire } from "../../support/wire.ts";
import { within } from "../../support/within.ts";

type Handle = (socket: Connection) => Promise<void> | void;

function appOf(handle: Handle, options: Record<string, unknown> = {}): App {
  return new App().websocket("/", options, handle as never);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An app whose one connection the test holds in its own hands; the handler ends with it. */
function held(options: Record<string, unknown> = {}): { app: App; socket: Promise<Connection> } {
  let hand: (socket: Connection) => void = () => {};
  const socket = new Promise<Connection>((resolve) => {
    hand = resolve;
  });
  const app = appOf(async (connection) => {
    hand(connection);
    await connection.closed;
  }, options);
  return { app, socket };
}

describe("reading", () => {
  test("gives messages in order, also those that came before the handler listened", async () => {
    const seen: string[] = [];
    const app = appOf(async (socket) => {
      await new Promise((resolve) => setImmediate(resolve));
      for await (const text of socket) {
        seen.push(text);
        if (text === "last") break;
      }
    });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"), frame(1, "first"), frame(1, "second"), frame(1, "last"));
    await wire.head();
    assert.equal((await wire.frame()).opcode, 8);
    assert.deepEqual(seen, ["first", "second", "last"]);
  });

  test("ends the loop when the client leaves, and what follows is the clean-up", async () => {
    let cleaned: (value: unknown) => void = () => {};
    const cleanUp = new Promise((resolve) => {
      cleaned = resolve;
    });
    const app = appOf(async (socket) => {
      for await (const _ of socket);
      cleaned(await socket.send("too late"));
    });
    await using client = await TestClient.start(app);
    (await client.connect("/")).terminate();
    assert.equal(await cleanUp, false);
  });

  test("pauses an unread client at the queue's mark and loses nothing", async () => {
    const { app, socket } = held({ queueMessages: 8, burstMessages: 5_000 });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    const sent = 5_000;
    wire.write(handshake("/"), ...Array.from({ length: sent }, (_, i) => frame(1, `message ${i}`)));
    await wire.head();
    const connection = await socket;
    for (let i = 0; i < sent; i++) assert.equal(await connection.receive(), `message ${i}`);
  });

  test("stops taking bytes from a client that is not read", async () => {
    const { app, socket } = held({ queueMessages: 8, burstMessages: 5_000 });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    await wire.head();
    const connection = await socket;
    // Far more than the kernel's buffers take: the write ends only if the server reads it all.
    let written = false;
    const flood = Buffer.concat(Array.from({ length: 512 }, () => frame(1, "x".repeat(60_000))));
    wire.socket.write(flood, () => {
      written = true;
    });
    // The witness's round trips give the flood every chance.
    const witness = await client.connect("/");
    for (let i = 0; i < 100; i++) {
      witness.ws.ping();
      await once(witness.ws, "pong");
    }
    assert.equal(written, false);
    connection.terminate();
  });

  test("delivers what came before the client left, although reading was paused", async () => {
    const { app, socket } = held({ queueMessages: 2 });
    await using client = await TestClient.start(app);
    const wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    await wire.head();
    const connection = await socket;
    wire.write(
      ...Array.from({ length: 10 }, (_, i) => frame(1, String(i))),
      frame(8, Buffer.from([3, 232])),
    );
    const seen: string[] = [];
    for await (const text of connection) seen.push(text);
    assert.deepEqual(seen.join(""), "0123456789");
    assert.deepEqual(await connection.closed, { code: 1000, reason: "" });
    await wire[Symbol.asyncDispose]();
  });

  test("has one reader: a second one at the same time is told so", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    const peer = await client.connect("/");
    const connection = await socket;
    const first = connection.receive();
    await assert.rejects(connection.receive(), /expected one reader of a connection/);
    peer.send("for the first");
    assert.equal(await first, "for the first");
  });
});

describe("text and binary", () => {
  const rules: [MessageKind, string | Buffer, number | undefined][] = [
    ["text", "t", undefined],
    ["text", Buffer.from([1]), 1003],
    ["binary", Buffer.from([1]), undefined],
    ["binary", "t", 1003],
    ["both", "t", undefined],
    ["both", Buffer.from([1]), undefined],
  ];
  for (const [messages, data, code] of rules) {
    const kind = typeof data === "string" ? "text" : "binary";
    test(`a ${kind} message on a route for ${messages} ${code ? `closes ${code}` : "arrives as it is"}`, async () => {
      const app = appOf(
        async (socket) => {
          for await (const message of socket) await socket.send(message);
        },
        { messages },
      );
      await using client = await TestClient.start(app);
      const socket = await client.connect("/");
      socket.send(data);
      if (!code) return assert.deepEqual(await socket.receive(), data);
      const closed = await socket.closed();
      assert.deepEqual(closed, { code, reason: `expected a ${messages} message, but got ${kind}` });
    });
  }
});

describe("sending", () => {
  test("waits while the client does not read, and goes on when it does", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    await wire.head();
    const connection = await socket;
    wire.socket.pause();
    let waiting: Promise<boolean> | undefined;
    let sent = 0;
    // The kernel's buffers fill up first; then send() waits.
    for (let settled = true; settled; sent++) {
      waiting = connection.send("x".repeat(60_000));
      settled = await Promise.race([
        waiting,
        new Promise<false>((r) => setImmediate(() => r(false))),
      ]);
      assert.ok(sent < 1_000, "send() never waited");
    }
    assert.ok(connection.bufferedBytes > 64 * 1024);
    wire.socket.resume();
    assert.equal(await waiting, true);
    assert.ok(connection.bufferedBytes <= 64 * 1024);
  });

  for (const bytes of [65_536, 65_526, 32_766, 13_104]) {
    test(`goes on after drained(), however the bytes fall (${bytes} at once)`, async () => {
      const { app, socket } = held({ messages: "both" });
      await using client = await TestClient.start(app);
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/"));
      await wire.head();
      const connection = await socket;
      wire.socket.pause();
      const count = Math.ceil(16_000_000 / bytes);
      const chunk = Buffer.alloc(bytes);
      let sent = 0;
      const sending = (async () => {
        for (; sent < count; sent++) {
          if (!connection.ready) assert.equal(await connection.drained(), true);
          void connection.send(chunk);
        }
      })();
      while (connection.ready) await turn();
      assert.ok(sent < count, "it has to wait");
      wire.socket.on("data", () => {
        // Taken as it comes: the test is about the sender.
        wire.buffer = Buffer.alloc(0);
      });
      wire.socket.resume();
      await within(sending, "the sender to go on");
      assert.equal(sent, count);
    });
  }

  test("goes on after drained() when what was behind was no message, but pongs", async () => {
    const { app, socket } = held({ highWaterBytes: 40_000 });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    await wire.head();
    const connection = await socket;
    wire.socket.pause();
    while (connection.bufferedBytes === 0) {
      void connection.send("x".repeat(8_000));
      await turn();
    }
    assert.equal(connection.ready, true);
    for (let i = 0; i < 400; i++) wire.write(frame(9, "p".repeat(125)));
    while (connection.ready) await turn();
    const drained = within(connection.drained(), "what waited to go on");
    wire.socket.resume();
    assert.equal(await drained, true);
    assert.equal(connection.ready, true);
  });

  test("counts messages that ws holds back to compress one before them", async () => {
    const { app, socket } = held({ compression: { threshold: 100 }, maxBufferedBytes: 100_000 });
    await using client = await TestClient.start(app);
    const peer = await client.connect("/", { compression: true });
    const connection = await socket;
    void connection.send("x".repeat(60_000));
    let sent = 0;
    while (connection.open && sent < 10_000) {
      void connection.send("");
      sent++;
    }
    assert.ok(sent < 10_000, "nothing of it has left in this turn, and it has no end");
    // ws compresses each of them, one after the other, before the close frame.
    assert.equal((await peer.closed({ timeoutMs: 60_000 })).code, 1013);
  });

  test("cuts off a client that is too far behind with 1013, and its memory stays bounded", async () => {
    const { app, socket } = held({ maxBufferedBytes: 200_000 });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    await wire.head();
    wire.socket.pause();
    const connection = await socket;
    let most = 0;
    for (let i = 0; i < 2_000 && connection.open; i++) {
      void connection.send("x".repeat(10_000));
      most = Math.max(most, connection.bufferedBytes);
    }
    assert.equal(connection.open, false);
    assert.ok(most <= 200_000 + 10_000 + 20, `at most one message over the bound, but ${most}`);
    assert.equal(await connection.send("more"), false);
    wire.socket.resume();
    assert.equal((await connection.closed).code, 1006);
  });

  test("resolves false on a connection that has ended, and never throws", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    const peer = await client.connect("/");
    const connection = await socket;
    peer.terminate();
    await connection.closed;
    assert.equal(await connection.send("x"), false);
    assert.equal(connection.open, false);
  });

  test("refuses what is neither text nor bytes, with a hint", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    await client.connect("/");
    const connection = await socket;
    assert.throws(() => connection.send({ a: 1 } as never), /but got object; use sendJson/);
    assert.throws(() => connection.send(null as never), /but got null/);
  });
});

describe("closing", () => {
  test("returning closes 1000", async () => {
    await using client = await TestClient.start(appOf(() => {}));
    assert.equal((await (await client.connect("/")).closed()).code, 1000);
  });

  test("throwing a CloseError closes with its code and is no error", async () => {
    const app = appOf(() => {
      throw new CloseError(4001, "ü".repeat(100));
    });
    let errors = 0;
    app.on("error", () => errors++);
    await using client = await TestClient.start(app);
    const { code, reason } = await (await client.connect("/")).closed();
    assert.equal(code, 4001);
    assert.equal(reason, "ü".repeat(61));
    assert.equal(errors, 0);
  });

  for (const when of ["in the first turn of its handler", "later"]) {
    test(`as a handler that throws does, ${when}, tells the app`, async () => {
      const fault = new Error("no room");
      const app = appOf(async (socket) => {
        if (when === "later") await new Promise(setImmediate);
        socket.fail(fault);
        await socket.closed;
      });
      const error = once(app, "error");
      await using client = await TestClient.start(app);
      const socket = await client.connect("/");
      assert.deepEqual(await socket.closed(), { code: 1011, reason: "internal error" });
      assert.equal((await error)[0], fault);
    });
  }

  test("ends a paused connection cleanly, not as 1006", async () => {
    const { app, socket } = held({ queueMessages: 1 });
    await using client = await TestClient.start(app);
    const peer = await client.connect("/");
    const connection = await socket;
    for (let i = 0; i < 10; i++) peer.send("unread");
    // The first message fills the queue and pauses the socket.
    await new Promise((resolve) => setImmediate(resolve));
    connection.close(4000, "enough");
    assert.deepEqual(await peer.closed(), { code: 4000, reason: "enough" });
    assert.deepEqual(await connection.closed, { code: 4000, reason: "enough" });
    assert.equal(await connection.receive(), undefined);
  });

  test("aborts the signal, whether it was asked for before or after", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    const peer = await client.connect("/");
    const connection = await socket;
    const before = connection.signal;
    assert.equal(before.aborted, false);
    await peer.close();
    await connection.closed;
    assert.equal(before.aborted, true);
    assert.equal(connection.signal.aborted, true);
  });

  test("refuses codes that may not be sent", async () => {
    const { app, socket } = held();
    await using client = await TestClient.start(app);
    await client.connect("/");
    const connection = await socket;
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5]) {
      assert.throws(() => connection.close(code), RangeError);
    }
  });
});

test("each connection has an id of its own", async () => {
  const app = appOf((socket) => void socket.send(socket.id));
  await using client = await TestClient.start(app);
  const ids = new Set<string | Buffer>();
  for (let i = 0; i < 10; i++) ids.add(await (await client.connect("/")).receive());
  assert.equal(ids.size, 10);
});
