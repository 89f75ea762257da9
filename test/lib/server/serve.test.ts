import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { describe, test } from "node:test";
import { App, createLog, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { handshake, Wire } from "../../support/wire.ts";

const quiet = { port: 0, log: createLog({ level: "silent" }) };

function chatty(): App {
  return new App().websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
}

describe("serve", () => {
  test("gives the URL to open, on loopback unless told otherwise", async () => {
    const serving = await serve(new App(), quiet);
    assert.match(serving.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    assert.equal((await fetch(serving.url)).status, 404);
    await serving.close();
    const six = await serve(new App(), { ...quiet, host: "::1" });
    assert.match(six.url, /^http:\/\/\[::1\]:\d+\/$/);
    await six.close();
  });

  test("rejects when the port is in use", async () => {
    const first = await serve(new App(), quiet);
    const port = Number(new URL(first.url).port);
    await assert.rejects(serve(new App(), { ...quiet, port }), { code: "EADDRINUSE" });
    await first.close();
  });
});

describe("close", () => {
  test("gives every client 1012 and resolves when all handlers have ended", async () => {
    let ended = 0;
    const app = new App().websocket("/", async (socket) => {
      for await (const _ of socket);
      ended++;
    });
    const client = await TestClient.start(app);
    const sockets = await Promise.all(Array.from({ length: 20 }, () => client.connect("/")));
    const codes = Promise.all(sockets.map((socket) => socket.closed()));
    await client.serving.close();
    assert.deepEqual(new Set((await codes).map(({ code }) => code)), new Set([1012]));
    assert.equal(ended, 20);
    await client.close();
  });

  test("ends within the grace period although a handler never does", async () => {
    const app = new App().websocket("/", () => new Promise(() => {}));
    let stopped = false;
    app.lifespan(async function* () {
      yield;
      stopped = true;
    });
    const serving = await serve(app, { ...quiet, graceSeconds: 0.3 });
    const ws = new WebSocket(serving.url.replace("http", "ws"));
    await once(ws, "open");
    const closed = once(ws, "close");
    await serving.close();
    assert.equal((await closed)[0], 1012);
    assert.equal(stopped, true);
  });

  test("cuts off a client that does not answer the close frame", async () => {
    const serving = await serve(chatty(), { ...quiet, graceSeconds: 0.3 });
    await using wire = await Wire.connect(serving.url);
    wire.write(handshake("/"));
    await wire.head();
    await serving.close();
    assert.equal((await wire.frame()).payload.readUInt16BE(0), 1012);
    await wire.end();
  });

  test("cuts off a request that does not end in the grace period", async () => {
    const app = new App();
    app.router.get("/", () => new Promise(() => {}));
    const serving = await serve(app, { ...quiet, graceSeconds: 0.3 });
    await using wire = await Wire.connect(serving.url);
    const arrived = once(serving.server, "request");
    wire.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await arrived;
    await serving.close();
    await wire.end();
  });

  test("refuses a handshake that arrives while it drains, or was on its way, with 503", async () => {
    const app = chatty();
    let arrive: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let decide: () => void = () => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    app.use(async (ctx, next) => {
      if (ctx.query.slow) {
        arrive();
        await decided;
      }
      await next();
    });
    const serving = await serve(app, quiet);
    await using open = await Wire.connect(serving.url);
    await using slow = await Wire.connect(serving.url);
    slow.write(handshake("/?slow=1"));
    await arrived;
    const closing = serving.close();
    open.write(handshake("/"));
    assert.equal((await open.response()).status, 503);
    decide();
    assert.equal((await slow.response()).status, 503);
    await closing;
  });

  test("is one promise however often it is called, and frees the port", async () => {
    const serving = await serve(chatty(), quiet);
    assert.equal(serving.close(), serving.close());
    await serving.close();
    const { port, hostname } = new URL(serving.url);
    const socket = net.connect(Number(port), hostname);
    const [error] = await once(socket, "error");
    assert.equal(error.code, "ECONNREFUSED");
  });
});
