import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { json, PROXIED, reading } from "../../support/reading.ts";

describe("the context of a mounted app", () => {
  test("has the app itself as ctx.app, at every depth, and the parent keeps its own", async () => {
    const seen: Koa[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push(ctx.app);
      await next();
      seen.push(ctx.app);
    };
    const inner = new App();
    const middle = new App();
    const root = new App();
    const plain = new Koa();
    for (const app of [root, middle, inner, plain]) app.use(note);
    root.mount("/middle", middle);
    middle.mount("/:id", inner);
    inner.mount("/plain", plain);
    await using client = await TestClient.start(root);
    await client.fetch("/middle/1/plain/");
    assert.deepEqual(
      seen.map((app) => [root, middle, inner, plain].indexOf(app as App)),
      [0, 1, 2, 3, 3, 2, 1, 0],
    );
  });

  test("inherits what the parent's middleware put on it, for HTTP and WebSocket", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = `${ctx.state.trace} ${ctx.user.name}`;
    });
    sub.websocket("/", async (socket, ctx) => {
      await socket.send(`${ctx.state.trace} ${ctx.user.name}`);
    });
    const root = new App().mount("/a", new App().mount("/:b", sub));
    root.use((ctx, next) => {
      ctx.state.trace = "t1";
      ctx.user = { name: "Ada" };
      return next();
    });
    await using client = await TestClient.start(root);
    assert.equal(await (await client.fetch("/a/b/")).text(), "t1 Ada");
    assert.equal(await (await client.connect("/a/b/")).receive(), "t1 Ada");
  });

  test("inherits what an app above that makes its own contexts has put on it", async () => {
    class Traced extends App {
      override createContext(...args: Parameters<App["createContext"]>): never {
        return Object.assign(super.createContext(...args), { trace: "t1" }) as never;
      }
    }
    const app = new Traced();
    const sub = new App();
    app.mount("/sub", sub);
    sub.mount(
      "/deep",
      reading((ctx) => ctx.trace),
    );
    sub.websocket("/", (socket, ctx) => void socket.send(String(ctx.trace)));
    await using client = await TestClient.start(app);
    assert.equal(await json(client, "/sub/deep/"), "t1");
    assert.equal(await (await client.connect("/sub/")).receive(), "t1");
  });

  test("inherits what a plain Koa app above it has put on it", async () => {
    const koa = new Koa();
    koa.use((ctx, next) => {
      ctx.user = "anna";
      return next();
    });
    const sub = reading((ctx) => ctx.user);
    sub.websocket("/", (socket, ctx) => void socket.send(String(ctx.user)));
    koa.use(koaMount("/sub", sub));
    await using client = await TestClient.start(koa);
    assert.equal(await json(client, "/sub/read"), "anna");
    assert.equal(await (await client.connect("/sub/")).receive(), "anna");
  });

  test("has what the middleware of its route has put on it", async () => {
    const app = new App();
    const known = (ctx: Context, next: Koa.Next) => {
      ctx.user = "anna";
      return next();
    };
    app.websocket("/", known, (socket, ctx) => void socket.send(String(ctx.user)));
    await using client = await TestClient.start(app);
    assert.equal(await (await client.connect("/")).receive(), "anna");
  });

  test("shares ctx.state both ways, and keeps its own properties to itself", async () => {
    const sub = new App();
    sub.use((ctx, next) => {
      ctx.state.from = "below";
      ctx.user = "replaced below";
      return next();
    });
    const root = new App().mount("/sub", sub);
    root.use(async (ctx, next) => {
      ctx.user = "the parent's";
      await next();
      ctx.body = { from: ctx.state.from, user: ctx.user };
    });
    await using client = await TestClient.start(root);
    assert.deepEqual(await json(client, "/sub/"), { from: "below", user: "the parent's" });
  });

  test("reads ctx.ip, ctx.secure and ctx.host by the root's proxy setting", async () => {
    const read = () => reading(({ ip, secure, host }) => ({ ip, secure, host }));
    const headers = {
      "X-Forwarded-For": "203.0.113.7, 10.0.0.1",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "public.example",
    };
    await using behind = await TestClient.start(new App().mount("/a", read()), PROXIED);
    assert.deepEqual(await json(behind, "/a/", { headers }), {
      ip: "203.0.113.7",
      secure: true,
      host: "public.example",
    });
    const sub = read();
    sub.proxy = true;
    await using open = await TestClient.start(new App().mount("/a", sub));
    const seen = (await json(open, "/a/", { headers })) as Record<string, unknown>;
    assert.equal(seen.secure, false);
    assert.match(String(seen.ip), /127\.0\.0\.1$/);
  });

  test("has what middleware that was put before all others has put on it", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify((ctx as unknown as { user: string }).user);
    });
    const root = new App().mount("/sub", sub);
    root.middleware.unshift((ctx, next) => {
      ctx.user = "ada";
      return next();
    });
    await using client = await TestClient.start(root);
    assert.equal(await json(client, "/sub/"), "ada");
  });
});
