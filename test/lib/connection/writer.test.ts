import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { App, type Connection } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";

/** An app that hands its connections to a test and keeps them open. */
function held(options: object = {}): { app: App; connection: Promise<Connection> } {
  let hand: (connection: Connection) => void = () => {};
  const connection = new Promise<Connection>((resolve) => {
    hand = resolve;
  });
  const app = new App();
  app.websocket("/", options, async (socket) => {
    hand(socket);
    await socket.closed;
  });
  return { app, connection };
}

/** As {@link held}, for several connections. */
function heldAll(): { app: App; connections: Connection[] } {
  const connections: Connection[] = [];
  const app = new App();
  app.websocket("/", async (socket) => {
    connections.push(socket);
    await socket.closed;
  });
  return { app, connections };
}

/** A socket whose writes can be watched: what Node calls when there is something to write. */
type Writing = Socket & {
  server: unknown;
  _write(...args: unknown[]): void;
  _writev(chunks: { chunk: Buffer }[], done: () => void): void;
};

/** How many whole frames of at most 64 KiB some bytes are. */
function framesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const short = bytes.readUInt8(at + 1);
    at += short < 126 ? 2 + short : 4 + bytes.readUInt16BE(at + 2);
    assert.ok(at <= bytes.length, "every frame is whole");
  }
  return count;
}

/** How many messages each write of a server's socket to its operating system holds. */
function watchWrites(t: TestContext): number[] {
  const writes: number[] = [];
  const prototype = Socket.prototype as Writing;
  const { _write, _writev } = prototype;
  function write(this: Writing, ...args: unknown[]): void {
    if (this.server) writes.push(framesIn(args[0] as Buffer));
    _write.apply(this, args);
  }
  function writev(this: Writing, chunks: { chunk: Buffer }[], done: () => void): void {
    if (this.server) writes.push(framesIn(Buffer.concat(chunks.map(({ chunk }) => chunk))));
    _writev.call(this, chunks, done);
  }
  t.mock.method(prototype, "_write", write);
  t.mock.method(prototype, "_writev", writev);
  return writes;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("what one turn of the event loop sends", () => {
  test("leaves at once while turns have one message", async (t) => {
    const { app, connection } = held();
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const writes = watchWrites(t);
    for (const text of ["a", "b"]) {
      void server.send(text);
      assert.equal(writes.pop(), 1, "it was written before send() returned");
      assert.equal(await socket.receive(), text);
    }
  });

  test("leaves in one write once a turn has had several, in order", async (t) => {
    const { app, connection } = held();
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const writes = watchWrites(t);
    const texts = ["1", "2", "3", "4"];
    for (const expected of [[1, 3], [4], [4]]) {
      for (const text of texts) void server.send(text);
      await turn();
      assert.deepEqual(writes.splice(0), expected);
      for (const text of texts) assert.equal(await socket.receive(), text);
    }
  });

  test("leaves in one write whatever it is: short, long, and several of either", async (t) => {
    const { app, connection } = held();
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const long = "x".repeat(12_000);
    const turns = [
      ["a", "b"],
      ["c", long, "d", long, "e"],
      [long, "f", "g"],
      ["h", "i", "j"],
    ];
    const writes = watchWrites(t);
    for (const texts of turns) {
      for (const text of texts) void server.send(text);
      await turn();
      for (const text of texts) assert.equal(await socket.receive(), text);
    }
    assert.deepEqual(writes, [1, 1, 5, 3, 3]);
  });

  test("goes back to leaving at once after a turn with one message", async (t) => {
    const { app, connection } = held();
    await using client = await TestClient.start(app);
    await client.connect("/");
    const server = await connection;
    for (let i = 0; i < 3; i++) void server.send("many");
    await turn();
    void server.send("one, held back");
    await turn();
    const writes = watchWrites(t);
    void server.send("one");
    assert.deepEqual(writes, [1]);
  });

  test("leaves at once as the answer to a message, and no later than its turn between two", async (t) => {
    const app = new App();
    let server: Connection | undefined;
    app.websocket("/", async (socket) => {
      server = socket;
      for await (const text of socket) void socket.send(text);
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const writes = watchWrites(t);
    const ticks = t.mock.method(process, "nextTick");
    for (const text of ["a", "b"]) {
      socket.send(text);
      assert.equal(await socket.receive(), text);
    }
    const ends = ticks.mock.calls.filter(({ arguments: [tick] }) => tick.name === "endTurn");
    assert.equal(ends.length, 0, "the turn of an answer ends without a callback");
    for (const text of ["1", "2", "3"]) {
      socket.send(text);
      assert.equal(await socket.receive(), text);
      void server?.send("between");
      await turn();
      assert.equal(await socket.receive(), "between");
    }
    assert.deepEqual(writes, [1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("goes before a close frame of the same turn, held back or not", async () => {
    for (const count of [1, 5]) {
      const { app, connection } = held();
      await using client = await TestClient.start(app);
      const socket = await client.connect("/");
      const server = await connection;
      for (let i = 0; i < count; i++) void server.send(String(i));
      server.close(4000, "done");
      for (let i = 0; i < count; i++) assert.equal(await socket.receive(), String(i));
      assert.equal((await socket.closed()).code, 4000);
    }
  });

  test("stays as it was sent while a socket has not taken it, whatever is sent to others", async () => {
    const { app, connections } = heldAll();
    await using client = await TestClient.start(app);
    const [slow, other] = [await client.connect("/"), await client.connect("/")];
    const [toSlow, toOther] = connections as [Connection, Connection];
    slow.ws.pause();
    const texts: string[] = [];
    // Each in a turn of its own, as an answer is. The operating system takes some megabytes.
    for (let n = 0; toSlow.bufferedBytes === 0; n++) {
      assert.ok(n < 10_000, "the client's buffers are full at some time");
      texts.push(`${n} `.padEnd(8_000, "abc"));
      void toSlow.send(texts[n] as string);
      await turn();
    }
    for (const text of ["x".repeat(10_000), "y".repeat(10_000)]) {
      void toOther.send(text);
      assert.equal(await other.receive(), text);
    }
    slow.ws.resume();
    for (const text of texts) assert.equal(await slow.receive(), text);
  });

  test("is what it was when it was sent, though its sender changes the bytes at once", async () => {
    const { app, connection } = held({ messages: "both" });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const bytes = Buffer.alloc(100);
    for (let n = 1; n <= 5; n++) {
      bytes.fill(n);
      void server.send(bytes);
    }
    for (let n = 1; n <= 5; n++) assert.deepEqual(await socket.receive(), Buffer.alloc(100, n));
  });

  for (const compression of [false, { threshold: 0 }]) {
    const how = compression ? ", compressed" : "";
    test(`is what it was when send() resolved, long or short, though its memory is used again${how}`, async () => {
      const { app, connection } = held({ messages: "both", compression });
      await using client = await TestClient.start(app);
      const socket = await client.connect("/", { compression: compression !== false });
      assert.equal(socket.ws.extensions, compression ? "permessage-deflate" : "");
      const server = await connection;
      for (const length of [100, 16_000, 20_000, 200_000]) {
        const bytes = Buffer.alloc(length);
        for (let n = 1; n <= 4; n++) {
          bytes.fill(n);
          await server.send(bytes);
        }
        bytes.fill(99);
        for (let n = 1; n <= 4; n++) {
          assert.deepEqual(await socket.receive(), Buffer.alloc(length, n));
        }
      }
    });

    test(`arrives whole though its memory is given to a worker at once${how}`, async () => {
      const { app, connection } = held({ messages: "both", compression });
      await using client = await TestClient.start(app);
      const socket = await client.connect("/", { compression: compression !== false });
      assert.equal(socket.ws.extensions, compression ? "permessage-deflate" : "");
      const server = await connection;
      for (const length of [100, 20_000]) {
        const all = [new Uint8Array(length).fill(1), new Uint8Array(length).fill(2)];
        for (const bytes of all) {
          void server.send(bytes);
          structuredClone(bytes, { transfer: [bytes.buffer] });
          assert.equal(bytes.length, 0);
        }
        void server.send("behind them");
        assert.deepEqual(await socket.receive(), Buffer.alloc(length, 1));
        assert.deepEqual(await socket.receive(), Buffer.alloc(length, 2));
        assert.equal(await socket.receive(), "behind them");
      }
    });
  }

  test("is bounded while it waits, though it has no bytes of its own", async () => {
    const { app, connection } = held();
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    for (let n = 0; n < 100_000; n++) void server.send("");
    assert.ok(server.bufferedBytes > 100_000, "what waits is counted");
    for (let n = 0; n < 100_000; n++) assert.equal(await socket.receive(), "");
  });

  test("is as long as it was, with no byte of what was sent before it", async () => {
    const { app, connection } = held({ messages: "both" });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const texts = ["z".repeat(16_000), "", "é", "\u{1f600}", "x".repeat(125), "x".repeat(126)];
    texts.push("é".repeat(8_191), "é".repeat(8_192), "x".repeat(16_384), "x".repeat(16_390), "z");
    for (const text of texts) {
      for (const message of [text, Buffer.from(text)]) {
        void server.send(message);
        assert.deepEqual(await socket.receive(), message);
      }
    }
  });

  test("goes before the answer to a client's close that came with what it answers", async () => {
    const app = new App();
    const invalid = () => "that was no number";
    app.websocket("/", { receive: z.number(), invalid }, async (socket) => {
      for (const text of ["a turn", "with several"]) void socket.send(text);
      await socket.closed;
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    for (const text of ["a turn", "with several"]) assert.equal(await socket.receive(), text);
    const wire = (socket.ws as unknown as { _socket: Socket })._socket;
    wire.cork();
    socket.send('"text"');
    socket.ws.close(4000);
    wire.uncork();
    assert.equal(await socket.receive(), '"that was no number"');
    assert.equal((await socket.closed()).code, 4000);
  });

  test("keeps its order where ws compresses some of it", async () => {
    const { app, connection } = held({ compression: { threshold: 100 } });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/", { compression: true });
    assert.equal(socket.ws.extensions, "permessage-deflate");
    const server = await connection;
    const texts = ["short", "long ".repeat(200), "short again", "x".repeat(5_000)];
    for (const text of texts) void server.send(text);
    for (const text of texts) assert.equal(await socket.receive(), text);
  });
});
