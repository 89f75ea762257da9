import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { withResolvers } from "../../support/deferred.ts";
import { handshake, Wire } from "../../support/wire.ts";

function holding(): App {
  return new App().websocket("/", async (socket) => void (await socket.closed));
}

describe("the drain of a server", () => {
  test("closes 250 connections with 1012, in several batches", async () => {
    await using client = await TestClient.start(holding(), { maxConnections: 300 });
    const sockets = await Promise.all(Array.from({ length: 250 }, () => client.connect("/")));
    const { live } = client.serving.upgrades;
    assert.equal(live.size, 250);
    // How many are open whenever the event loop comes round: it changes once for each batch.
    const open = () => [...live].filter(({ connection }) => connection.open).length;
    const counts = [open()];
    let watching = true;
    const watch = () => {
      const now = open();
      if (now !== counts.at(-1)) counts.push(now);
      if (watching) setImmediate(watch);
    };
    watch();
    const ends = Promise.all(sockets.map((socket) => socket.closed({ timeoutMs: 5_000 })));
    await client.serving.close();
    watching = false;
    assert.deepEqual(
      (await ends).map(({ code, reason }) => `${code} ${reason}`),
      Array.from({ length: 250 }, () => "1012 service restart"),
    );
    assert.ok(counts.length >= 4, `open: ${counts}`);
    assert.deepEqual([counts[0], counts.at(-1)], [250, 0]);
    for (const [i, count] of counts.slice(1).entries()) {
      assert.ok((counts[i] ?? 0) - count <= 100, `open: ${counts}`);
    }
  });

  test("closes every one before the grace period ends, however short it is", async () => {
    await using client = await TestClient.start(holding(), { graceSeconds: 0.5 });
    const sockets = await Promise.all(Array.from({ length: 220 }, () => client.connect("/")));
    const ends = Promise.all(sockets.map((socket) => socket.closed({ timeoutMs: 5_000 })));
    await client.serving.close();
    assert.deepEqual([...new Set((await ends).map(({ code }) => code))], [1012]);
  });

  test("takes a few in one go", async () => {
    await using client = await TestClient.start(holding());
    await Promise.all(Array.from({ length: 100 }, () => client.connect("/")));
    const connections = [...client.serving.upgrades.live].map(({ connection }) => connection);
    const closing = client.serving.close();
    await Promise.resolve();
    assert.ok(connections.every(({ open }) => !open));
    await closing;
  });

  test("does not mind connections that leave between the batches", async () => {
    await using client = await TestClient.start(holding());
    const sockets = await Promise.all(Array.from({ length: 250 }, () => client.connect("/")));
    const closing = client.serving.close();
    for (const socket of sockets.slice(120)) socket.terminate();
    const codes = await Promise.all(sockets.slice(0, 120).map((socket) => socket.closed()));
    assert.deepEqual([...new Set(codes.map(({ code }) => code))], [1012]);
    await closing;
    assert.equal(client.serving.upgrades.live.size, 0);
  });

  test("refuses handshakes with 503 from its first moment on, between the batches too", async () => {
    // The server listens for as long as a handler has not ended, however fast the rest is closed.
    const gate = withResolvers<void>();
    const app = new App().websocket("/", async (socket) => {
      await socket.closed;
      await gate.promise;
    });
    await using client = await TestClient.start(app);
    const sockets = await Promise.all(Array.from({ length: 250 }, () => client.connect("/")));
    const first = once(client.serving.upgrades, "closed");
    const closing = client.serving.close();
    for (let i = 0; i < 2; i++) {
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/"));
      const { status, headers, body } = await wire.response();
      assert.deepEqual([status, headers.get("connection")], [503, "close"]);
      assert.equal(body, "the server is shutting down");
      await first;
    }
    gate.resolve();
    await Promise.all(sockets.map((socket) => socket.closed()));
    await closing;
  });
});
