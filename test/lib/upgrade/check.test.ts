import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { mounted } from "../../support/got.ts";
import { handshake, Wire } from "../../support/wire.ts";

describe("what a handshake must be", () => {
  const cases: [string, string, number, Record<string, string>][] = [
    ["a POST", handshake("/ws/").replace("GET", "POST"), 405, { allow: "GET" }],
    ["no key", handshake("/ws/", { "Sec-WebSocket-Key": undefined }), 400, {}],
    ["a short key", handshake("/ws/", { "Sec-WebSocket-Key": "YWJj" }), 400, {}],
    ["two keys", handshake("/ws/", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" }), 400, {}],
    [
      "version 8",
      handshake("/ws/", { "Sec-WebSocket-Version": "8" }),
      426,
      { "sec-websocket-version": "13" },
    ],
    [
      "no version",
      handshake("/ws/", { "Sec-WebSocket-Version": undefined }),
      426,
      { "sec-websocket-version": "13" },
    ],
    ["a body", handshake("/ws/", { "Content-Length": "3" }), 400, {}],
    ["HTTP/1.0", handshake("/ws/").replace("HTTP/1.1", "HTTP/1.0"), 400, {}],
    ["a broken subprotocol list", handshake("/ws/", { "Sec-WebSocket-Protocol": "a,,b" }), 400, {}],
    ["a repeated subprotocol", handshake("/ws/", { "Sec-WebSocket-Protocol": "a, a" }), 400, {}],
  ];
  for (const [what, text, status, headers] of cases) {
    test(`with ${what} it is refused ${status} before any middleware`, async () => {
      const app = mounted();
      let ran = false;
      app.use(async (_ctx, next) => {
        ran = true;
        await next();
      });
      await using client = await TestClient.start(app);
      await using wire = await Wire.connect(client.url);
      wire.write(text);
      const response = await wire.response();
      assert.equal(response.status, status);
      assert.equal(response.headers.get("connection"), "close");
      assert.match(response.body, /^expected [^\n]+$/);
      for (const [name, value] of Object.entries(headers))
        assert.equal(response.headers.get(name), value);
      assert.equal(ran, false);
    });
  }

  test("without Connection: Upgrade it is plain HTTP", async () => {
    await using client = await TestClient.start(mounted());
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/ws/", { Connection: "close" }));
    const { status, headers } = await wire.response();
    assert.equal(status, 426);
    assert.equal(headers.get("upgrade"), "websocket");
  });

  test("with another protocol in Upgrade it is plain HTTP, and with a body that cannot be read 400", async () => {
    const app = mounted();
    app.router.get("/page", (ctx) => {
      ctx.body = "a page";
    });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/page", { Upgrade: "h2c" }));
    const page = await wire.response();
    assert.equal(page.status, 200);
    assert.equal(page.body, "a page");
    await using other = await Wire.connect(client.url);
    other.write(handshake("/page", { Upgrade: "h2c", "Content-Length": "3" }), "abc");
    assert.equal((await other.response()).status, 400);
  });

  test("with a list in Upgrade that names websocket it is accepted", async () => {
    await using client = await TestClient.start(mounted());
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/ws/", { Upgrade: "h2c, WebSocket" }));
    assert.equal((await wire.head()).status, 101);
  });
});
