import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import Koa from "koa";
import easyWs from "koa-easy-ws";
import koaMount from "koa-mount";
import { generate } from "selfsigned";
import type { WebSocket } from "ws";
import { App, attach } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";
import { ACCEPT, frame, handshake, Wire } from "../support/wire.ts";

/** For what has to be in time on a machine that is busy, and is waited for elsewhere. */
const SOON_MS = 1_000;

const pems = await generate([{ name: "commonName", value: "127.0.0.1" }]);

function echo(): App {
  const app = new App();
  app.websocket("/", async (socket) => {
    for await (const text of socket) await socket.send(`got ${text}`);
  });
  return app;
}

function mounted(): App {
  return new App().mount("/ws", echo());
}

async function listening(server: http.Server | https.Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const scheme = server instanceof https.Server ? "https" : "http";
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

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
  for (const name of ["headersTimeout", "requestTimeout", "keepAliveTimeout", "timeout"] as const) {
    server[name] = SOON_MS;
  }
  const app = echo();
  attach(server, app);
  const url = await listening(server);
  after(() => server.close());
  await using idle = await Wire.connect(url);
  idle.write(handshake("/"));
  assert.equal((await idle.head()).status, 101);
  await using witness = await Wire.connect(url);
  // A request that never ends falls to the same timeouts: when it has, they have passed.
  witness.write("GET / HTTP/1.1\r\nHost: x\r\n");
  await witness.end();
  idle.write(frame(1, "still here"));
  assert.equal((await idle.frame()).payload.toString(), "got still here");
  assert.equal(idle.buffer.length, 0);
});

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
  await using client = await TestClient.start(app, { handshakeTimeoutMs: SOON_MS });
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

test("a handshake that nobody answers in time is refused 503", async () => {
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

test("a handshake that nobody accepts keeps an explicit error and turns anything else into 403", async () => {
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
    attach(server, koa, { handshakeTimeoutMs: SOON_MS });
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
      const upgrades = attach(server, koa, { handshakeTimeoutMs: SOON_MS });
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

  test("is none of what a plain app upgrades by hand, read or iterated, past any deadline", async () => {
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
    const upgrades = attach(server, koa, { handshakeTimeoutMs: SOON_MS });
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

  test("is not taken for somebody else's where the bytes of all sockets are counted", async () => {
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

  test("is missed with 500 and an error that names the remedy", async () => {
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

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
