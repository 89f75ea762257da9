import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import Koa from "koa";
import easyWs from "koa-easy-ws";
import koaMount from "koa-mount";
import { App, attach } from "koa-subapps";
import type { WebSocket } from "ws";
import { withResolvers } from "../../support/deferred.ts";
import { echo, mounted } from "../../support/got.ts";
import { listening } from "../../support/listening.ts";
import { ACCEPT, frame, handshake, Wire } from "../../support/wire.ts";

describe("attach", () => {
  test("gives a plain Koa app sub-apps through koa-mount", async () => {
    const koa = new Koa();
    koa.use(koaMount("/ws", echo()));
    koa.use((ctx) => {
      ctx.body = "the plain app";
    });
    const server = http.createServer(koa.callback());
    const upgrades = attach(server, koa);
    const url = await listening(server);
    after(() => server.close());
    assert.equal(await (await fetch(url)).text(), "the plain app");
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws/"), frame(1, "hi"));
    assert.equal((await wire.head()).status, 101);
    assert.equal((await wire.frame()).payload.toString(), "got hi");
    assert.equal(upgrades.live.size, 1);
    await using page = await Wire.connect(url);
    page.write(handshake("/elsewhere"));
    assert.equal((await page.response()).status, 403);
  });

  test("leaves a handshake to a plain app that upgrades it with koa-easy-ws itself", async () => {
    const koa = new Koa();
    koa.use(easyWs());
    koa.use(async (ctx) => {
      const ws: WebSocket = await ctx.ws();
      ws.on("message", (data) => ws.send(`plain ${data}`));
    });
    const server = http.createServer(koa.callback());
    attach(server, koa, { handshakeTimeoutMs: 1_000 });
    const url = await listening(server);
    after(() => server.close());
    await using wire = await Wire.connect(url);
    wire.write(handshake("/"));
    assert.equal((await wire.head()).status, 101);
    wire.write(frame(1, "hi"));
    assert.equal((await wire.frame()).payload.toString(), "plain hi");
  });

  for (const [when, decide] of [
    ["at once", () => undefined],
    ["after a wait", () => new Promise(setImmediate)],
  ] as const) {
    test(`writes nothing into what a plain app upgraded ${when}, when it goes on or fails`, async () => {
      const failing = withResolvers<void>();
      const koa = new Koa();
      koa.use(easyWs());
      koa.use(async (ctx) => {
        const waiting = decide();
        if (waiting) await waiting;
        const ws: WebSocket = await ctx.ws();
        ws.on("message", (data) => ws.send(`plain ${data}`));
        await failing.promise;
        throw new Error("broken");
      });
      const server = http.createServer(koa.callback());
      const upgrades = attach(server, koa, { handshakeTimeoutMs: 1_000 });
      const left = once(upgrades, "abandoned");
      const failed = once(koa, "error");
      const url = await listening(server);
      after(() => server.close());
      await using wire = await Wire.connect(url);
      wire.write(handshake("/"));
      assert.equal((await wire.head()).status, 101);
      // At the deadline at last.
      await left;
      wire.write(frame(1, "one"));
      assert.equal((await wire.frame()).payload.toString(), "plain one");
      failing.resolve();
      await failed;
      wire.write(frame(1, "two"));
      assert.equal((await wire.frame()).payload.toString(), "plain two");
      assert.equal(wire.buffer.length, 0);
    });
  }

  test("leaves a socket alone that a plain app has upgraded by hand, past any deadline", async () => {
    const KEY = "Sec-WebSocket-Accept";
    const koa = new Koa();
    koa.use(async (ctx) => {
      ctx.respond = false;
      await new Promise(setImmediate);
      const { socket } = ctx.req;
      if (ctx.query.off !== undefined) ctx.res.detachSocket(socket);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${KEY}: ${ACCEPT}\r\n\r\n`,
      );
      for await (const chunk of socket) socket.write(frame(2, chunk).subarray(0, 2));
    });
    const server = http.createServer(koa.callback());
    const upgrades = attach(server, koa, { handshakeTimeoutMs: 1_000 });
    const url = await listening(server);
    after(() => server.close());
    for (const target of ["/", "/?off"]) {
      const left = once(upgrades, "abandoned");
      await using wire = await Wire.connect(url);
      wire.write(handshake(target));
      assert.equal((await wire.head()).status, 101);
      await left;
      wire.write("x");
      assert.equal((await wire.bytes(2))[0], 0x82);
      assert.equal(wire.buffer.length, 0);
    }
  });

  test("keeps its own handshake when a listener counts the bytes of all sockets", async () => {
    const app = mounted();
    app.use(async (_ctx, next) => {
      await new Promise(setImmediate);
      await next();
    });
    const server = http.createServer();
    let bytes = 0;
    server.on("connection", (socket) => {
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
    });
    attach(server, app);
    const url = await listening(server);
    after(() => server.close());
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws/"));
    assert.equal((await wire.head()).status, 101);
    await using foreign = await Wire.connect(url);
    foreign.write(handshake("/ws/", { Origin: "http://elsewhere.example" }));
    assert.equal((await foreign.response()).status, 403);
    assert.ok(bytes >= 0);
  });

  test("refuses a server that has an upgrade listener already", () => {
    const server = http.createServer();
    attach(server, new App());
    assert.throws(() => attach(server, new App()), /an attached app has one; attach one root app/);
    const other = http.createServer().on("upgrade", () => {});
    assert.throws(() => attach(other, new App()), /another library has one/);
  });

  test("is reported as missing with 500 and an error that names the remedy", async () => {
    const app = mounted();
    const error = once(app, "error");
    const server = http.createServer(app.callback());
    const url = await listening(server);
    after(() => server.close());
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws/", { Connection: "Upgrade, close" }));
    const { status, body } = await wire.response();
    assert.equal(status, 500);
    assert.equal(body, "Internal Server Error");
    assert.match((await error)[0].message, /call attach\(server, app\)/);
  });

  test("is not needed with app.listen()", async () => {
    const server = mounted().listen(0, "127.0.0.1");
    await once(server, "listening");
    after(() => server.close());
    await using wire = await Wire.connect(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    wire.write(handshake("/ws/"));
    assert.equal((await wire.head()).status, 101);
  });
});
