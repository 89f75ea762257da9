import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import Router from "koa-router";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

const patternOf = (ctx: object) => (ctx as Context).pattern;

/** Notes the pattern before and after `next()`, also of what throws. */
function noting(seen: unknown[]): Koa.Middleware {
  return async (ctx, next) => {
    const before = patternOf(ctx);
    try {
      await next();
    } finally {
      seen.push([before, patternOf(ctx)]);
    }
  };
}

/** A room at `/rooms/:id`, for HTTP and WebSocket, that tells its own pattern. */
function rooms(): App {
  const app = new App();
  app.router.get("/rooms/:id", (ctx) => {
    ctx.body = String(patternOf(ctx));
  });
  app.router.get("/rooms/:id/fail", () => Promise.reject(new Error("broken")));
  app.router.get(/^\/any/, (ctx) => {
    ctx.body = String(patternOf(ctx));
  });
  app.websocket("/rooms/:id", async (socket, ctx) => {
    await socket.send(String(ctx.pattern));
  });
  return app.on("error", () => {});
}

describe("ctx.pattern", () => {
  for (const [where, wrap, pattern, path] of [
    ["of an app alone", (app: App) => app, "/rooms/:id", "/rooms/7"],
    ["of a mount", (app: App) => new App().mount("/chat", app), "/chat/rooms/:id", "/chat/rooms/7"],
    [
      "of mounts with parameters, one inside the other",
      (app: App) => new App().mount("/orgs/:org", new App().mount("/v/:n/chat/", app)),
      "/orgs/:org/v/:n/chat/rooms/:id",
      "/orgs/acme/v/2/chat/rooms/7",
    ],
    ["of a mount at /", (app: App) => new App().mount("/", app), "/rooms/:id", "/rooms/7"],
    [
      "of an app of ours under koa-mount, under plain Koa under ours",
      (app: App) => new App().mount("/orgs/:org", new Koa().use(koaMount("/in", app))),
      "/orgs/:org/in/rooms/:id",
      "/orgs/acme/in/rooms/7",
    ],
    [
      "of an app of ours in plain Koa",
      (app: App) => new Koa().use(koaMount("/in", new App().mount("/:x", app))),
      "/in/:x/rooms/:id",
      "/in/1/rooms/7",
    ],
  ] as const) {
    test(`${where} is whole in the route, and above every mount after next()`, async () => {
      const app = rooms();
      const root: Koa = wrap(app);
      const seen: unknown[] = [];
      root.middleware.unshift(noting(seen));
      if (root !== app) app.use(noting(seen));
      const twice = (pattern: string) =>
        Array.from({ length: root === app ? 1 : 2 }, () => [undefined, pattern]);
      await using client = await TestClient.start(root);
      assert.equal(await (await client.fetch(path)).text(), pattern);
      assert.deepEqual(seen.splice(0), twice(pattern));
      assert.equal(await (await client.connect(path)).receive(), pattern);
      assert.deepEqual(seen.splice(0), twice(pattern));
      assert.equal((await client.fetch(`${path}/fail`)).status, 500);
      assert.deepEqual(seen.splice(0), twice(`${pattern}/fail`));
    });
  }

  test("is one for all requests of a route, whatever the parameters", async () => {
    const seen: (string | undefined)[] = [];
    const app = new App().websocket("/:id", (_socket, ctx) => void seen.push(ctx.pattern));
    const root = new App().mount("/orgs/:org", app);
    await using client = await TestClient.start(root);
    for (const path of ["/orgs/a/1", "/orgs/b/2"]) await (await client.connect(path)).closed();
    assert.deepEqual(seen, ["/orgs/:org/:id", "/orgs/:org/:id"]);
  });

  test("is undefined where no route was met, whatever router the middleware above has", async () => {
    const seen: unknown[] = [];
    const app = rooms();
    const router = new Router().all("/{*any}", (_ctx, next) => next());
    const root = new App().use(noting(seen)).mount("/orgs/:org", app);
    await using client = await TestClient.start(root);
    const nothing = [[undefined, undefined]];
    assert.equal((await client.fetch("/orgs/a/nowhere")).status, 404);
    assert.deepEqual(seen.splice(0), nothing);
    assert.equal((await client.fetch("/orgs/a")).status, 307);
    assert.deepEqual(seen.splice(0), nothing);
    root.use(router.routes() as unknown as Koa.Middleware);
    assert.equal((await client.fetch("/orgs/a/rooms/1")).status, 200);
    assert.deepEqual(seen.splice(0), [[undefined, "/orgs/:org/rooms/:id"]]);
    assert.equal(await (await client.connect("/orgs/a/rooms/1")).receive(), "/orgs/:org/rooms/:id");
    assert.deepEqual(seen.splice(0), [[undefined, "/orgs/:org/rooms/:id"]]);
  });

  test("has the routes of a router that a mounted plain Koa app brings, and of expressions", async () => {
    const seen: unknown[] = [];
    const router = new Router().get("/items/:id", (ctx) => {
      ctx.body = "an item";
    });
    const plain = new Koa().use(router.routes() as unknown as Koa.Middleware);
    const root = new App().use(noting(seen)).mount("/shop/:s", plain).mount("/rooms", rooms());
    await using client = await TestClient.start(root);
    await client.fetch("/shop/1/items/2");
    await client.fetch("/rooms/anything");
    assert.deepEqual(seen, [
      [undefined, "/shop/:s/items/:id"],
      [undefined, String.raw`/rooms/^\/any/`],
    ]);
  });

  test("may be an app's own property by the same name", async () => {
    const plain = new Koa().use((ctx) => {
      ctx.pattern = "mine";
      ctx.body = ctx.pattern;
    });
    await using client = await TestClient.start(new App().mount("/plain", plain));
    assert.equal(await (await client.fetch("/plain/")).text(), "mine");
  });
});
