import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { App, attach } from "koa-subapps";
import { generate } from "selfsigned";
import { frame, handshake, Wire } from "../../support/wire.ts";

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);

test("on an HTTP/2 server with allowHTTP1, a path that only WebSocket serves is 426, and a handshake over HTTP/1.1 is accepted", async () => {
  const app = new App().websocket("/ws", async (socket) => {
    for await (const text of socket) await socket.send(`got ${text}`);
  });
  const errors: unknown[] = [];
  app.on("error", (error) => errors.push(error));
  const server = http2.createSecureServer({
    allowHTTP1: true,
    cert: pems.cert,
    key: pems.private,
  });
  attach(server as unknown as Server, app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = http2.connect(url, { rejectUnauthorized: false });
  try {
    const stream = session.request({ ":path": "/ws" });
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 426);
    assert.equal(headers.upgrade, undefined);
    assert.equal(headers.connection, undefined);
    let body = "";
    for await (const chunk of stream) body += chunk;
    assert.equal(body, "this path takes WebSocket connections only");
    await using old = await Wire.connect(url);
    old.write("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const { status, headers: first } = await old.response();
    assert.equal(status, 426);
    assert.equal(first.get("upgrade"), "websocket");
    await using wire = await Wire.connect(url);
    wire.write(handshake("/ws"), frame(1, "hi"));
    assert.equal((await wire.head()).status, 101);
    assert.equal((await wire.frame()).payload.toString(), "got hi");
    assert.deepEqual(errors, []);
  } finally {
    session.close();
    server.close();
  }
});
