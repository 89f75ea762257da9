import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** How often garbage is collected until something must be gone. */
const COLLECTIONS = 20;

/** Whether something can be collected now, or a little later. */
async function isGone(ref: WeakRef<object>): Promise<boolean> {
  for (let i = 0; i < COLLECTIONS && ref.deref(); i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  return ref.deref() === undefined;
}

describe("a handler that takes no ctx", () => {
  test("lets go of the request while its connection is open; one that takes it keeps it", async () => {
    const refs = new Map<string, WeakRef<object>>();
    const sub = new App();
    sub.use((ctx, next) => {
      refs.set(ctx.path, new WeakRef(ctx.req));
      return next();
    });
    sub.websocket("/without", async (socket) => {
      for await (const text of socket) await socket.send(text);
    });
    sub.websocket("/with", async (socket, ctx) => {
      for await (const _ of socket) await socket.send(ctx.get("User-Agent"));
    });
    await using client = await TestClient.start(new App().mount("/ws", sub));
    const without = await client.connect("/ws/without");
    const kept = await client.connect("/ws/with", { headers: { "User-Agent": "tester" } });
    assert.equal(await isGone(refs.get("/without") as WeakRef<object>), true);
    assert.equal(await isGone(refs.get("/with") as WeakRef<object>), false);
    without.send("hello");
    assert.equal(await without.receive(), "hello");
    kept.send("?");
    assert.equal(await kept.receive(), "tester");
  });

  test("still gets one, because a function may read its `arguments`", async () => {
    const app = new App();
    app.websocket("/:room", async (...args) => {
      const [socket, ctx] = args;
      await socket.send(`${ctx.params.room} ${ctx.get("User-Agent")}`);
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/a", { headers: { "User-Agent": "tester" } });
    assert.equal(await socket.receive(), "a tester");
  });

  test("fails with a ctx that knows its app, path and mount, and no longer the headers", async () => {
    const sub = new App();
    const fail = () => Promise.reject(new Error("broken"));
    sub.websocket("/without", async (_socket) => fail());
    sub.websocket("/with", async (_socket, _ctx) => fail());
    const contexts: Context[] = [];
    sub.on("error", (_error, ctx) => contexts.push(ctx));
    await using client = await TestClient.start(new App().mount("/:org", sub));
    for (const path of ["/acme/without?token=secret", "/acme/with?token=secret"]) {
      const socket = await client.connect(path, { headers: { "User-Agent": "tester" } });
      assert.equal((await socket.closed()).code, 1011);
    }
    assert.deepEqual(
      contexts.map((ctx) => [
        ctx.app === sub,
        ctx.path,
        ctx.originalUrl,
        ctx.mountPath,
        ctx.status,
        ctx.get("User-Agent"),
      ]),
      [
        [true, "/without", "/acme/without", "/acme", 101, ""],
        [true, "/with", "/acme/with?token=secret", "/acme", 101, "tester"],
      ],
    );
  });
});

describe("a handler's ctx", () => {
  for (const where of ["at the root", "in a mounted app"]) {
    test(`has what middleware put over an addition to app.context, ${where}`, async () => {
      const app = new App();
      Object.assign(app.context, { user: "nobody", table: "users" });
      app.use((ctx, next) => {
        ctx.user = "ada";
        Object.defineProperty(ctx, "hidden", { get: () => "found", enumerable: false });
        return next();
      });
      app.websocket("/", async (socket, ctx) => {
        await socket.send(`${ctx.user} ${ctx.table} ${ctx.hidden}`);
      });
      const root = where === "at the root" ? app : new App().mount("/ws", app);
      await using client = await TestClient.start(root);
      const socket = await client.connect(where === "at the root" ? "/" : "/ws/");
      assert.equal(await socket.receive(), "ada users found");
    });
  }

  test("has the cookies that middleware has replaced", async () => {
    const app = new App();
    app.use((ctx, next) => {
      ctx.cookies = { get: () => "replaced" } as unknown as typeof ctx.cookies;
      return next();
    });
    app.websocket("/", async (socket, ctx) => {
      await socket.send(String(ctx.cookies.get("any")));
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.connect("/")).receive(), "replaced");
  });
});
