import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { handshake, Wire } from "../../support/wire.ts";

describe("subprotocols", () => {
  const app = new App();
  app.websocket(
    "/",
    { protocols: ["chat.v1", "chat.v2"] },
    (socket) => void socket.send(socket.protocol),
  );
  app.websocket("/none", (socket) => void socket.send(socket.protocol));

  const rules: [string, string, string[], string][] = [
    ["the first one offered that the route speaks", "/", ["x", "chat.v2", "chat.v1"], "chat.v2"],
    ["none, when none matches", "/", ["secret-token"], ""],
    ["none, on a route that declares none", "/none", ["secret-token"], ""],
    ["none, when none is offered", "/", [], ""],
  ];
  for (const [what, path, protocols, expected] of rules) {
    test(`selects ${what}`, async () => {
      await using client = await TestClient.start(app);
      await using wire = await Wire.connect(client.url);
      const offer = protocols.length > 0 ? protocols.join(", ") : undefined;
      wire.write(handshake(path, { "Sec-WebSocket-Protocol": offer }));
      const { status, headers } = await wire.head();
      assert.equal(status, 101);
      assert.equal(headers.get("sec-websocket-protocol") ?? "", expected);
      assert.equal((await wire.frame()).payload.toString(), expected);
    });
  }
});

test("a route's middleware runs before the handshake is accepted, and can refuse it", async () => {
  const app = new App();
  app.websocket(
    "/:id",
    async (ctx, next) => {
      if (ctx.params.id === "no") ctx.throw(418, "not you");
      await next();
    },
    (socket, ctx) => void socket.send(`hello ${ctx.params.id}`),
  );
  await using client = await TestClient.start(app);
  assert.equal(await (await client.connect("/you")).receive(), "hello you");
  await assert.rejects(client.connect("/no"), (error: HandshakeRefused) => {
    assert.ok(error instanceof HandshakeRefused);
    assert.deepEqual([error.status, error.body], [418, "not you"]);
    return true;
  });
});

test("each route has limits of its own", async () => {
  const app = new App();
  app.websocket("/small", { maxMessageBytes: 10 }, async (socket) => void (await socket.receive()));
  app.websocket("/large", { maxMessageBytes: 1_000_000 }, async (socket) => {
    await socket.send(String((await socket.receive())?.length));
  });
  await using client = await TestClient.start(app);
  const small = await client.connect("/small");
  small.send("x".repeat(11));
  assert.equal((await small.closed()).code, 1009);
  const large = await client.connect("/large");
  large.send("x".repeat(100_000));
  assert.equal(await large.receive(), "100000");
});

test("compression is off unless the route turns it on", async () => {
  const app = new App();
  app.websocket("/off", () => {});
  app.websocket("/on", { compression: true }, () => {});
  await using client = await TestClient.start(app);
  const offer = { "Sec-WebSocket-Extensions": "permessage-deflate" };
  for (const [path, expected] of [
    ["/off", undefined],
    ["/on", "permessage-deflate"],
  ] as const) {
    await using wire = await Wire.connect(client.url);
    wire.write(handshake(path, offer));
    assert.equal((await wire.head()).headers.get("sec-websocket-extensions"), expected);
  }
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/on", { "Sec-WebSocket-Extensions": "permessage-deflate; nonsense=" }));
  const { status, body } = await wire.response();
  assert.equal(status, 400);
  assert.match(body, /Sec-WebSocket-Extensions/);
});

test("a handler that throws what is no error closes 1011 and fires an error all the same", async () => {
  const app = new App();
  const error = once(app, "error");
  app.websocket("/", () => {
    // biome-ignore lint/style/useThrowOnlyError: what other people's code may do
    throw "a string";
  });
  await using client = await TestClient.start(app);
  assert.equal((await (await client.connect("/")).closed()).code, 1011);
  assert.match((await error)[0].message, /non-error thrown: a string/);
});

test("a second route at one path is refused, unless it speaks another subprotocol", () => {
  const handler = () => {};
  const app = new App().websocket("/", handler).websocket("/", { protocols: ["a", "b"] }, handler);
  assert.throws(() => app.websocket("/", handler), {
    message:
      "expected one WebSocket route at / for clients without a subprotocol, but got a second",
  });
  const both = { protocols: ["b", "a"] };
  assert.throws(() => app.websocket("/", both, handler), /route at \/ for b, a, but/);
  app.websocket("/", { protocols: ["c", "b"] }, handler).websocket("/other", handler);
  app.websocket("/*rest", handler).websocket("*all", handler);
});

test("a route whose path has no slash before it is refused, for it would match nothing", () => {
  assert.throws(() => new App().websocket("chat", () => {}), {
    name: "TypeError",
    message: 'expected a path that begins with "/", such as "/chat", but got "chat"',
  });
});

test("a route without a handler is refused at start-up", () => {
  assert.throws(
    () => new App().websocket("/", {} as never),
    /expected a handler for the WebSocket route \//,
  );
});
