import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import Router from "koa-router";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { json, reading } from "../../support/reading.ts";

describe("the context of a mounted app", () => {
  test("has parameters that middleware may add to, and shares them with no other request", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify(ctx.params);
    });
    // As a koa-router of somebody else's does.
    const add: Koa.Middleware = (ctx, next) => {
      if (ctx.query.user) ctx.params.user = ctx.query.user;
      return next();
    };
    const plain = new Koa().use(add).use((ctx) => {
      ctx.body = JSON.stringify(ctx.params);
    });
    const root = new App().mount("/plain", plain).mount("/guarded", new App().mount("/sub", sub));
    const above = new App().mount("/", root);
    above.use(add);
    await using client = await TestClient.start(above);
    for (const path of ["/plain/", "/guarded/sub/"]) {
      assert.deepEqual(await json(client, `${path}?user=ada`), { user: "ada" });
      assert.deepEqual(await json(client, path), {});
    }
    await using alone = await TestClient.start(new App().mount("/plain", plain));
    assert.deepEqual(await json(alone, "/plain/?user=ada"), { user: "ada" });
    assert.deepEqual(await json(alone, "/plain/"), {});
  });

  test("has the whole prefix so far in ctx.mountPath, and the parent keeps its own", async () => {
    const seen: string[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push(ctx.mountPath);
      await next();
      seen.push(ctx.mountPath);
    };
    const inner = new App();
    const middle = new App();
    const root = new App();
    for (const app of [root, middle, inner]) app.use(note);
    root.mount("/orgs/:org", middle);
    middle.mount("/a/b", inner);
    inner.mount(
      "/",
      reading((ctx) => ctx.mountPath),
    );
    await using client = await TestClient.start(root);
    const whole = "/orgs/caf%c3%a9/a/b";
    assert.equal(await json(client, `${whole}/x`), whole);
    assert.deepEqual(seen, ["", "/orgs/caf%c3%a9", whole, whole, "/orgs/caf%c3%a9", ""]);
  });

  test("has the parameters of every prefix above and of its route, decoded, the nearest first", async () => {
    const inner = new App();
    inner.router.get("/:leaf/:same", (ctx) => {
      ctx.body = ctx.params;
    });
    inner.websocket("/:leaf/:same", async (socket, ctx) => {
      await socket.send(JSON.stringify(ctx.params));
    });
    const seen: unknown[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push({ ...ctx.params });
      await next();
      seen.push({ ...ctx.params });
    };
    const middle = new App().mount("/:team", inner);
    const root = new App().mount("/:org/:same", middle);
    for (const app of [root, middle, inner]) app.use(note);
    await using client = await TestClient.start(root);
    const params = { org: "acme", same: "leaf's", team: "a/b", leaf: "caf\u00e9" };
    assert.deepEqual(await json(client, "/acme/mount's/a%2Fb/caf%C3%A9/leaf's"), params);
    const first = { org: "acme", same: "mount's" };
    const second = { ...first, team: "a/b" };
    assert.deepEqual(seen.slice(0, 3), [{}, first, second]);
    assert.deepEqual(seen.slice(4), [first, {}], "a parent's parameters are its own");
    const socket = await client.connect("/acme/mount's/a%2Fb/caf%C3%A9/leaf's");
    assert.deepEqual(await socket.receiveJson(), params);
  });

  test("is not confused by a router that the parent's middleware ran before", async () => {
    const before = new Router();
    before.get("/:first/{*rest}", (ctx, next) => {
      ctx.state.first = ctx.params.first;
      return next();
    });
    before.post("/sub/page", (_ctx, next) => next());
    const sub = new App();
    sub.router.get("/page", (ctx) => {
      ctx.body = `page after ${ctx.state.first}`;
    });
    sub.websocket("/page", async (socket, ctx) => {
      await socket.send(`socket after ${ctx.state.first}`);
    });
    const root = new App().mount("/sub", sub);
    root.use(before.routes() as unknown as Koa.Middleware);
    await using client = await TestClient.start(root);
    assert.equal(await (await client.fetch("/sub/page")).text(), "page after sub");
    assert.equal(await (await client.connect("/sub/page")).receive(), "socket after sub");
    assert.equal((await client.fetch("/sub/unknown")).status, 404);
    const refused = await client.fetch("/sub/page", { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get("allow"), "HEAD, GET", "not what the parent's router has");
  });
});
