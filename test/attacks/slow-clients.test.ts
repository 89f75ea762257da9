import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createLog } from "../../lib/observe/log.ts";
import { frame, handshake, Wire } from "../support/wire.ts";

/** For what has to be in time on a machine that is busy, beside what is not. */
const SOON_MS = 1_000;

function served(): App {
  const app = new App();
  app.router.post("/read", async (ctx) => {
    for await (const _ of ctx.req);
    ctx.body = "read";
  });
  app.router.get("/page", (ctx) => {
    ctx.body = "page";
  });
  return app.websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
}

/** Sends text byte by byte, a byte each time that the event loop comes round, until it is cut off. */
async function dribble(wire: Wire, text: string): Promise<void> {
  for (const char of text) {
    if (wire.ended) return;
    wire.write(char);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function timedOut(wire: Wire): Promise<void> {
  const { status, headers } = await wire.response();
  assert.equal(status, 408);
  assert.equal(headers.get("connection"), "close");
}

describe("a client that takes its time", () => {
  test("for its headers is answered 408 and cut off, whatever it has sent of them", async () => {
    await using client = await TestClient.start(served(), { headersTimeoutMs: 50 });
    const begun = [
      "G",
      "GET /page HTTP/1.1\r\n",
      "GET /page HTTP/1.1\r\nHost: localhost\r\nX: ",
      handshake("/").slice(0, -2),
      `GET /${"a".repeat(1_000)}`,
    ];
    await Promise.all(
      begun.map(async (text) => {
        await using wire = await Wire.connect(client.url);
        wire.write(text);
        await timedOut(wire);
      }),
    );
  });

  test("for its headers is not saved by a byte now and then", async () => {
    await using client = await TestClient.start(served(), { headersTimeoutMs: 50 });
    await using wire = await Wire.connect(client.url);
    const writing = dribble(wire, `GET /page HTTP/1.1\r\nX: ${"x".repeat(4_000)}`);
    await wire.end();
    assert.match(wire.buffer.toString(), /^HTTP\/1\.1 408 |^$/);
    await writing;
  });

  test("for its body is answered 408 and cut off, and the app's reading ends", async () => {
    const lines: string[] = [];
    const ended: string[] = [];
    const app = served();
    app.router.post("/count", async (ctx) => {
      try {
        for await (const _ of ctx.req);
      } catch (error) {
        ended.push((error as NodeJS.ErrnoException).code ?? "");
        throw error;
      }
    });
    await using client = await TestClient.start(app, {
      headersTimeoutMs: 50,
      requestTimeoutMs: 100,
      log: createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } }),
    });
    for (const head of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) {
      await using wire = await Wire.connect(client.url);
      wire.write(`POST /count HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n1`);
      await wire.end();
      assert.match(wire.buffer.toString(), /^HTTP\/1\.1 408 |^$/);
    }
    await client.close();
    assert.equal(ended.length, 2);
    // It is the client's doing, and no error of the server's.
    const levels = lines.map((line) => (JSON.parse(line) as { level: number }).level);
    assert.ok(Math.max(...levels) < 40, lines.join(""));
  });

  test("before its first byte is cut off too", async () => {
    await using client = await TestClient.start(served(), { headersTimeoutMs: 50 });
    await using wire = await Wire.connect(client.url);
    await wire.end();
  });

  test("costs nobody else anything, and a WebSocket outlives all of these", async () => {
    await using client = await TestClient.start(served(), {
      headersTimeoutMs: SOON_MS,
      requestTimeoutMs: SOON_MS,
    });
    await using socket = await Wire.connect(client.url);
    socket.write(handshake("/"));
    assert.equal((await socket.head()).status, 101);
    const slow = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const wire = await Wire.connect(client.url);
        wire.write("GET /page HTTP/1.1\r\n");
        return wire;
      }),
    );
    assert.equal(await (await client.fetch("/page")).text(), "page");
    for (const wire of slow) await timedOut(wire);
    socket.write(frame(1, "still here"));
    assert.equal((await socket.frame()).payload.toString(), "still here");
  });

  test("may have a whole request's time set below that of its headers' default", async () => {
    await using client = await TestClient.start(served(), { requestTimeoutMs: 5_000 });
    assert.equal(await (await client.fetch("/page")).text(), "page");
  });
});
