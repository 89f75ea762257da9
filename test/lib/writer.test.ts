import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { App, type Connection } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";

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

/** A socket whose writes can be watched: what Node calls when there is something to write. */
type Writing = Socket & {
  server: unknown;
  _write(...args: unknown[]): void;
  _writev(chunks: unknown[], done: () => void): void;
};

/** How many messages each write of a server's socket to its operating system holds. */
function watchWrites(t: TestContext): number[] {
  const writes: number[] = [];
  const prototype = Socket.prototype as Writing;
  const { _write, _writev } = prototype;
  function write(this: Writing, ...args: unknown[]): void {
    if (this.server) writes.push(1);
    _write.apply(this, args);
  }
  function writev(this: Writing, chunks: unknown[], done: () => void): void {
    if (this.server) writes.push(chunks.length);
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

  test("keeps its order where ws compresses some of it", async () => {
    const { app, connection } = held({ compression: { threshold: 100 } });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const server = await connection;
    const texts = ["short", "long ".repeat(200), "short again", "x".repeat(5_000)];
    for (const text of texts) void server.send(text);
    for (const text of texts) assert.equal(await socket.receive(), text);
  });
});
