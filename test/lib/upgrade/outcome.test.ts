import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { withResolvers } from "../../support/deferred.ts";
import { echo } from "../../support/got.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

test("a client that leaves during asynchronous authentication never enters the handler", async () => {
  const app = new App();
  let entered = false;
  const arrived = withResolvers<void>();
  const decided = withResolvers<void>();
  const outcome = withResolvers<unknown>();
  app.use(async (_ctx, next) => {
    arrived.resolve();
    await decided.promise;
    await next().then(() => outcome.resolve("accepted"), outcome.resolve);
  });
  app.websocket("/", () => {
    entered = true;
  });
  await using client = await TestClient.start(app);
  const wire = await Wire.connect(client.url);
  const left = once(client.serving.upgrades, "abandoned");
  wire.write(handshake("/"));
  await arrived.promise;
  wire.socket.resetAndDestroy();
  await left;
  decided.resolve();
  assert.match(String(await outcome.promise), /had ended before it was accepted/);
  assert.equal(entered, false);
});

for (const leave of ["destroy", "resetAndDestroy"] as const) {
  test(`a client that leaves an answer past Koa by ${leave}() ends that only`, async () => {
    const app = echo();
    const closed = withResolvers<void>();
    app.use((ctx, next) => {
      if (ctx.query.events === undefined) return next();
      ctx.respond = false;
      ctx.res.writeHead(200, { "Content-Type": "text/event-stream" });
      const timer = setInterval(() => ctx.res.write("data: x\n\n"), 1);
      ctx.res.on("close", () => {
        clearInterval(timer);
        closed.resolve();
      });
    });
    await using client = await TestClient.start(app);
    const wire = await Wire.connect(client.url);
    const left = once(client.serving.upgrades, "abandoned");
    wire.write(handshake("/?events"));
    assert.equal((await wire.head()).status, 200);
    wire.socket[leave]();
    await Promise.all([left, closed.promise]);
    await using other = await Wire.connect(client.url);
    other.write(handshake("/"), frame(1, "hi"));
    assert.equal((await other.head()).status, 101);
    assert.equal((await other.frame()).payload.toString(), "got hi");
  });
}

test("a handshake that was sent hints is answered all the same, and by its deadline in any case", async () => {
  const app = echo();
  app.use(async (ctx, next) => {
    await new Promise(setImmediate);
    ctx.res.writeEarlyHints({ link: "</style.css>; rel=preload" });
    await new Promise(setImmediate);
    if (ctx.query.throws !== undefined) ctx.throw(401);
    if (ctx.query.never !== undefined) await new Promise(() => {});
    await next();
  });
  await using client = await TestClient.start(app, { handshakeTimeoutMs: 1_000 });
  for (const [target, status] of [
    ["/", 101],
    ["/?throws", 401],
  ] as const) {
    await using wire = await Wire.connect(client.url);
    wire.write(handshake(target));
    assert.equal((await wire.head()).status, 103);
    assert.equal((await wire.head()).status, status);
  }
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/?never"));
  assert.equal((await wire.head()).status, 103);
  await wire.end();
});

test("an answer past Koa that never ends falls to the deadline of its handshake", async () => {
  const app = new App();
  app.use((ctx) => {
    ctx.respond = false;
    ctx.res.writeHead(200);
    ctx.res.write("the beginning");
  });
  await using client = await TestClient.start(app, { handshakeTimeoutMs: 50 });
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 200);
  await wire.end();
});

test("a handshake that ws refuses is answered by middleware that turns errors into answers", async () => {
  const app = new App();
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.status = (error as { status?: number }).status ?? 500;
      ctx.body = `sorry: ${(error as Error).message}`;
    }
  });
  app.websocket("/", { compression: true }, () => {});
  await using client = await TestClient.start(app, { maxConnections: 1 });
  for (const _ of ["one", "another, for the first counts no more"]) {
    await using wire = await Wire.connect(client.url);
    const extensions = "permessage-deflate; =1";
    wire.write(handshake("/", { "Sec-WebSocket-Extensions": extensions }));
    const { status, body } = await wire.response();
    assert.equal(status, 400);
    assert.match(body, /^sorry: Invalid or unacceptable Sec-WebSocket-Extensions/);
  }
});

test("a client that half-closes during the handshake is not accepted, and reads why", async () => {
  const app = new App();
  const decided = withResolvers<void>();
  app.use(async (ctx, next) => {
    once(ctx.req.socket, "end").then(() => decided.resolve());
    await decided.promise;
    await next();
  });
  app.websocket("/", () => {});
  await using client = await TestClient.start(app);
  await using wire = await Wire.connect(client.url, true);
  wire.write(handshake("/"));
  wire.socket.end();
  const { status, body } = await wire.response();
  assert.equal(status, 400);
  assert.match(body, /ended before it was accepted/);
});

test("a handshake without an answer in time is refused 503", async () => {
  const app = new App();
  const released = withResolvers<void>();
  app.use(() => released.promise);
  await using client = await TestClient.start(app, { handshakeTimeoutMs: 50 });
  await using wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  const { status, body } = await wire.response();
  assert.equal(status, 503);
  assert.match(body, /answered within 50 ms/);
  released.resolve();
});

test("a handshake that no route accepts keeps an explicit error, and any other outcome becomes 403", async () => {
  const app = new App();
  app.use(async (ctx, next) => {
    const answer = ctx.query.answer;
    if (answer === "401")
      ctx.throw(401, "who are you", { headers: { "WWW-Authenticate": "Basic" } });
    else if (answer === "404") ctx.status = 404;
    else if (answer === "429") ctx.status = 429;
    else if (answer === "200") ctx.body = "<h1>a page</h1>";
    else if (answer === "302") ctx.redirect("/login");
    else if (answer === "204") ctx.status = 204;
    else if (answer !== "nothing") await next();
  });
  app.router.get("/page", (ctx) => {
    ctx.body = "HTTP routes do not run for handshakes";
  });
  await using client = await TestClient.start(app);
  const expected = {
    401: 401,
    404: 404,
    429: 429,
    200: 403,
    302: 403,
    204: 403,
    nothing: 403,
    next: 403,
  };
  for (const [answer, status] of Object.entries(expected)) {
    await using wire = await Wire.connect(client.url);
    wire.write(handshake(`/page?answer=${answer}`));
    const response = await wire.response();
    assert.equal(response.status, status, answer);
    assert.equal(response.headers.get("connection"), "close", answer);
    assert.equal(response.headers.get("location"), undefined, answer);
    assert.match(response.body, /^[^\n<]+$/, `${answer}: one line of text`);
  }
});
