import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { echo } from "../../support/got.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

test("a handler that throws after accepting closes 1011, and the stream stays well-formed", async () => {
  const app = new App();
  const errors: Error[] = [];
  app.on("error", (error) => errors.push(error));
  app.websocket("/", async (socket) => {
    for await (const text of socket) throw new Error(`secret ${text}`);
  });
  app.websocket("/other", async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  await using client = await TestClient.start(app);
  const neighbour = await client.connect("/other");
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"), frame(1, "x"));
  await wire.head();
  const close = await wire.frame();
  assert.equal(close.opcode, 8);
  assert.equal(close.payload.readUInt16BE(0), 1011);
  assert.equal(close.payload.subarray(2).toString(), "internal error");
  wire.write(frame(8, close.payload.subarray(0, 2)));
  await wire.end();
  assert.equal(wire.buffer.length, 0);
  assert.deepEqual(
    errors.map((error) => error.message),
    ["secret x"],
  );
  neighbour.send("fine");
  assert.equal(await neighbour.receive(), "fine");
});

test("a middleware that throws after the acceptance closes 1011, and no HTTP reaches the stream", async () => {
  const app = new App();
  const thrown = once(app, "error");
  app.use(async (_ctx, next) => {
    await next();
    throw new Error("the session could not be saved");
  });
  app.websocket("/", async (socket) => void (await socket.receive()));
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  const close = await wire.frame();
  assert.equal(close.payload.readUInt16BE(0), 1011);
  assert.equal((await thrown)[0].message, "the session could not be saved");
  wire.write(frame(8, close.payload.subarray(0, 2)));
  await wire.end();
  assert.equal(wire.buffer.length, 0);
});

test("an oversized frame closes 1009, and the neighbours notice nothing", async () => {
  await using client = await TestClient.start(echo());
  const neighbour = await client.connect("/");
  const big = await client.connect("/");
  big.send("x".repeat(64 * 1024 + 1));
  assert.equal((await big.closed()).code, 1009);
  neighbour.send("hi");
  assert.equal(await neighbour.receive(), "got hi");
});
