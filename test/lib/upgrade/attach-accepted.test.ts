import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import { after, describe, test } from "node:test";
import { App, attach } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { generate } from "selfsigned";
import { withResolvers } from "../../support/deferred.ts";
import { echo, mounted } from "../../support/got.ts";
import { listening } from "../../support/listening.ts";
import { ACCEPT, frame, handshake, Wire } from "../../support/wire.ts";

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);

for (const scheme of ["http", "https"]) {
  describe(`an upgrade over ${scheme}`, () => {
    const options = scheme === "https" ? { tls: { cert: pems.cert, key: pems.private } } : {};

    test("is accepted as RFC 6455 says, and a frame in the packet of the handshake is not lost", async () => {
      await using client = await TestClient.start(mounted(), options);
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/ws/"), frame(1, "early"));
      const head = await wire.head();
      assert.equal(head.status, 101);
      assert.equal(head.headers.get("sec-websocket-accept"), ACCEPT);
      assert.equal((await wire.frame()).payload.toString(), "got early");
    });

    test("keeps every byte after the 101 out of the HTTP parser", async () => {
      await using client = await TestClient.start(mounted(), options);
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/ws/"));
      assert.equal((await wire.head()).status, 101);
      wire.write("GET /secret HTTP/1.1\r\nHost: x\r\n\r\n");
      // 0x47 ("G") is a frame with a reserved bit: a protocol error, and no HTTP response.
      const answer = await wire.frame();
      assert.equal(answer.opcode, 8);
      assert.equal(answer.payload.readUInt16BE(0), 1002);
      await wire.end();
      assert.ok(!wire.buffer.includes("HTTP/1.1"));
    });

    test("is refused as plain HTTP with the end of the connection", async () => {
      await using client = await TestClient.start(mounted(), options);
      await using wire = await Wire.connect(client.url);
      wire.write(handshake("/ws"), frame(1, "early"));
      const { status, headers, body } = await wire.response();
      assert.equal(status, 403);
      assert.equal(headers.get("connection"), "close");
      assert.equal(body, "there is no WebSocket route at this path; connect to /ws/");
    });

    test("goes to each of several servers in one process apart from the others", async () => {
      const [one, two] = [new App(), new App()];
      one.websocket("/", (socket) => void socket.send("one"));
      two.websocket("/", (socket) => void socket.send("two"));
      await using first = await TestClient.start(one, options);
      await using second = await TestClient.start(two, options);
      assert.equal(await (await second.connect("/")).receive(), "two");
      assert.equal(await (await first.connect("/")).receive(), "one");
      await first.close();
      assert.equal(await (await second.connect("/")).receive(), "two");
    });
  });
}

test("a connection lives past the timeouts of the HTTP parser", async () => {
  const server = http.createServer({ connectionsCheckingInterval: 20 });
  server.keepAliveTimeout = 60;
  server.timeout = 60;
  const app = echo();
  attach(server, app);
  const url = await listening(server);
  after(() => server.close());
  await using idle = await Wire.connect(url);
  idle.write(handshake("/"));
  assert.equal((await idle.head()).status, 101);
  // The server reads both at each check; a busy machine would not shake hands within them.
  server.headersTimeout = 60;
  server.requestTimeout = 60;
  await using witness = await Wire.connect(url);
  // A request that never ends falls to the same timeouts: when it has, they have passed.
  witness.write("GET / HTTP/1.1\r\nHost: x\r\n");
  await witness.end();
  idle.write(frame(1, "still here"));
  assert.equal((await idle.frame()).payload.toString(), "got still here");
  assert.equal(idle.buffer.length, 0);
});

test("middleware of a handshake sees the socket on request and response", async () => {
  const app = echo();
  const seen: boolean[] = [];
  app.use(async (ctx, next) => {
    seen.push(ctx.res.socket === ctx.req.socket);
    const { res } = ctx;
    await next();
    seen.push(res.socket === null);
  });
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  assert.deepEqual(seen, [true, true]);
});

test("for an accepted handshake next() resolves at the acceptance with status 101", async () => {
  const app = new App();
  const seen: unknown[] = [];
  app.use(async (ctx, next) => {
    ctx.cookies.set("visit", "1");
    ctx.set("X-Before", "yes");
    await next();
    seen.push(ctx.status, ctx.path);
    ctx.set("X-After", "no");
    ctx.body = "dropped";
  });
  app.mount("/ws", echo());
  await using client = await TestClient.start(app);
  const socket = await client.connect("/ws/");
  socket.send("x");
  assert.equal(await socket.receive(), "got x");
  assert.deepEqual(seen, [101, "/ws/"]);
  assert.equal(socket.headers["x-before"], "yes");
  assert.match(String(socket.headers["set-cookie"]), /^visit=1/);
  assert.equal(socket.headers["x-after"], undefined);
  assert.equal(socket.headers["content-type"], undefined);
});

test("a logger that waits for the response's end sees 101", async () => {
  const app = new App();
  const seen = withResolvers<number>();
  app.use(async (ctx, next) => {
    ctx.res.once("finish", () => seen.resolve(ctx.res.statusCode));
    await next();
  });
  app.websocket("/", () => {});
  await using client = await TestClient.start(app);
  await client.connect("/");
  assert.equal(await seen.promise, 101);
});

test("the handler runs in the async context of the handshake, whatever the middleware does later", async () => {
  const app = new App();
  const store = new AsyncLocalStorage<string>();
  const later = withResolvers<void>();
  app.use((_ctx, next) =>
    store.run("handshake", async () => {
      await next();
      store.enterWith("later");
      later.resolve();
    }),
  );
  app.websocket("/", async (socket) => {
    await later.promise;
    await socket.send(String(store.getStore()));
  });
  await using client = await TestClient.start(app);
  assert.equal(await (await client.connect("/")).receive(), "handshake");
});
