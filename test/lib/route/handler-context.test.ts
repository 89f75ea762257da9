import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { withResolvers } from "../../support/deferred.ts";
import { json } from "../../support/reading.ts";
import { within } from "../../support/within.ts";

/** A promise that a handler resolves, and the test does not wait for without end. */
function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  const { promise, resolve } = withResolvers<T>();
  return { promise: within(promise, "a value"), resolve };
}

describe("what a WebSocket handler reads of its request", () => {
  const read = (ctx: Context) => ({
    path: ctx.path,
    url: ctx.url,
    rawUrl: ctx.req.url,
    originalUrl: ctx.originalUrl,
    href: ctx.href,
    mountPath: ctx.mountPath,
    params: { ...ctx.params },
    query: { ...ctx.query },
    querystring: ctx.querystring,
    ip: ctx.ip,
    agent: ctx.get("User-Agent"),
    requestPath: ctx.request.path,
    requestIp: ctx.request.ip,
  });

  const setUps = [
    ["under a literal mount", "/ws", (sub: Koa) => new App().mount("/ws", sub)],
    ["under a parameterised mount", "/orgs/acme", (sub: Koa) => new App().mount("/orgs/:org", sub)],
    [
      "three deep",
      "/a/b/c",
      (sub: Koa) => new App().mount("/a", new App().mount("/:b", new App().mount("/c", sub))),
    ],
    ["inside plain Koa", "/ws", (sub: Koa) => new Koa().use(koaMount("/ws", sub))],
  ] as const;

  for (const [where, base, mountIn] of setUps) {
    test(`is what it was at the handshake, after the client has gone too, ${where}`, async () => {
      const ended = promised<unknown[]>();
      const atHandshake = promised<unknown>();
      const sub = new App();
      sub.websocket(
        "/rooms/:room",
        (ctx, next) => {
          atHandshake.resolve(read(ctx));
          return next();
        },
        async (socket, ctx) => {
          const seen: unknown[] = [read(ctx)];
          await socket.send("ready");
          for await (const _ of socket) seen.push(read(ctx));
          seen.push(read(ctx));
          ended.resolve(seen);
        },
      );
      const root = mountIn(sub);
      const parent = promised<string[]>();
      const front = new Koa().use(async (ctx, next) => {
        await next();
        parent.resolve([
          ctx.path,
          ctx.url,
          ctx.req.url ?? "",
          ctx.mountPath ?? "",
          ctx.originalUrl,
        ]);
        // A parent that reuses its request for something else must not reach the handler.
        ctx.path = "/moved";
      });
      // In front of what was there, whichever kind of app it is.
      if (root instanceof App) root.use(front.middleware[0] as Koa.Middleware);
      else root.middleware.unshift(front.middleware[0] as Koa.Middleware);
      await using client = await TestClient.start(root);
      const target = `${base}/rooms/caf%C3%A9?x=1&y=%2f`;
      const socket = await client.connect(target, { headers: { "User-Agent": "tester" } });
      assert.equal(await socket.receive(), "ready");
      const path = target.split("?")[0] ?? "";
      const [parentPath, parentUrl, parentRawUrl, , parentOriginal] = await parent.promise;
      assert.deepEqual(
        [parentPath, parentUrl, parentRawUrl, parentOriginal],
        [path, target, target, target],
        "the parent sees its own path again",
      );
      socket.send("again");
      await socket.close();
      const expected = await atHandshake.promise;
      const seen = await ended.promise;
      assert.equal(seen.length, 3);
      for (const each of seen) assert.deepEqual(each, expected);
      const { params, ...rest } = expected as ReturnType<typeof read>;
      assert.equal(params.room, "caf\u00e9");
      assert.deepEqual(rest, {
        path: "/rooms/caf%C3%A9",
        url: "/rooms/caf%C3%A9?x=1&y=%2f",
        rawUrl: "/rooms/caf%C3%A9?x=1&y=%2f",
        originalUrl: target,
        href: `${client.url.slice(0, -1)}${target}`,
        mountPath: base,
        query: { x: "1", y: "/" },
        querystring: "x=1&y=%2f",
        ip: rest.ip,
        agent: "tester",
        requestPath: "/rooms/caf%C3%A9",
        requestIp: rest.ip,
      });
      assert.match(rest.ip, /127\.0\.0\.1$/);
    });
  }

  for (const [where, base, mountIn] of setUps) {
    test(`is the handshake's even when it is read for the first time much later, ${where}`, async () => {
      const app = new App();
      app.websocket("/:room", async (socket, ctx) => {
        for await (const _ of socket)
          await socket.send(`${ctx.path} ${ctx.url} ${ctx.querystring}`);
      });
      await using client = await TestClient.start(mountIn(app));
      const socket = await client.connect(`${base}/1?x=2`);
      socket.send("where");
      assert.equal(await socket.receive(), "/1 /1?x=2 x=2");
    });
  }

  test("keeps ctx.ip after a client that vanished without a close", async () => {
    const ended = promised<string>();
    const app = new App();
    app.websocket("/", async (socket, ctx) => {
      await socket.send("ready");
      for await (const _ of socket);
      ended.resolve(ctx.ip);
    });
    await using client = await TestClient.start(new App().mount("/ws", app));
    const socket = await client.connect("/ws/");
    await socket.receive();
    socket.terminate();
    assert.match(await ended.promise, /127\.0\.0\.1$/);
  });

  test("is its own for each of two connections at once", async () => {
    const app = new App();
    app.websocket("/:room", async (socket, ctx) => {
      for await (const _ of socket) await socket.send(`${ctx.mountPath}${ctx.path}`);
    });
    await using client = await TestClient.start(new App().mount("/orgs/:org", app));
    const paths = ["/orgs/a/1", "/orgs/b/2", "/orgs/a/3"];
    const sockets = await Promise.all(paths.map((path) => client.connect(path)));
    for (const socket of sockets) socket.send("where");
    assert.deepEqual(await Promise.all(sockets.map((socket) => socket.receive())), paths);
  });

  test("includes its async-local store, whatever the middleware ran in before", async () => {
    const store = new AsyncLocalStorage<string>();
    const app = new App();
    app.websocket("/", async (socket) => {
      for await (const _ of socket) await socket.send(String(store.getStore()));
    });
    const root = new App().mount("/ws", app);
    root.use((ctx, next) => store.run(`request ${ctx.query.id}`, next));
    await using client = await TestClient.start(root);
    const sockets = await Promise.all([1, 2].map((id) => client.connect(`/ws/?id=${id}`)));
    for (const socket of sockets) socket.send("?");
    assert.deepEqual(await Promise.all(sockets.map((socket) => socket.receive())), [
      "request 1",
      "request 2",
    ]);
  });

  test("includes app.currentContext of the root and of its own app", async () => {
    const sub = new App({ asyncLocalStorage: true });
    const root = new App({ asyncLocalStorage: true }).mount("/ws", sub);
    const current = (app: App) => app.currentContext as Context | undefined;
    sub.websocket("/:room", async (socket, ctx) => {
      for await (const _ of socket) {
        const seen = [current(sub), current(root)].map((at) => at?.path);
        await socket.send(JSON.stringify([...seen, current(sub) === ctx]));
      }
    });
    const parent = promised<string | undefined>();
    root.use(async (_ctx, next) => {
      await next();
      parent.resolve(current(root)?.path);
    });
    await using client = await TestClient.start(root);
    const [one, two] = await Promise.all(["/ws/1", "/ws/2"].map((path) => client.connect(path)));
    for (const [socket, path] of [
      [one, "/1"],
      [two, "/2"],
    ] as const) {
      socket?.send("where");
      assert.deepEqual(await socket?.receiveJson(), [path, path, true]);
    }
    assert.match(String(await parent.promise), /^\/ws\/[12]$/);
  });

  test("includes app.currentContext where only the sub-app asked for it, HTTP as well", async () => {
    const sub = new App({ asyncLocalStorage: true });
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify([sub.currentContext?.path, sub.currentContext?.app === sub]);
    });
    sub.websocket("/", async (socket, ctx) => {
      await socket.send(JSON.stringify([sub.currentContext === ctx, ctx.app === sub]));
    });
    await using client = await TestClient.start(new App().mount("/ws", sub));
    assert.deepEqual(await json(client, "/ws/"), ["/", true]);
    assert.deepEqual(await (await client.connect("/ws/")).receiveJson(), [true, true]);
  });
});
