import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { handshake, http } from "../../support/path-answers.ts";

describe("middleware of use()", () => {
  const guard: Koa.Middleware = async (ctx, next) => {
    if (ctx.get("Token") !== "secret") ctx.throw(401, "a token is needed");
    await next();
  };

  test("guards mounts and routes that were there before it, HTTP and handshakes alike", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.mount("/orgs/:org", feature());
    app.mount("/", feature());
    app.router.get("/own", (ctx) => {
      ctx.body = "own";
    });
    app.websocket("/own", () => {});
    app.use(guard);
    await using client = await TestClient.start(app);
    for (const path of ["/ws/", "/orgs/acme/", "/", "/own", "/ws", "/own/", "/ws/nothing"]) {
      assert.equal((await http(client, path)).status, 401, path);
      const refused = await handshake(client, path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.body, "a token is needed", path);
    }
    const headers = { Token: "secret" };
    assert.equal((await http(client, "/ws/", { headers })).status, 200);
    assert.equal((await handshake(client, "/ws/", { headers })).status, 101);
    assert.equal((await handshake(client, "/own", { headers })).status, 101);
  });

  test("guards from inside a sub-app, and not outside it", async () => {
    const sub = feature();
    const app = new App().mount("/guarded", sub).mount("/open", feature());
    sub.use(guard);
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/guarded/")).status, 401);
    assert.equal((await handshake(client, "/guarded/")).status, 401);
    assert.equal((await http(client, "/open/")).status, 200);
    assert.equal((await handshake(client, "/open/")).status, 101);
  });

  test("guards a running app from the request after it was added", async () => {
    const app = new App().mount("/ws", feature());
    await using client = await TestClient.start(app);
    assert.equal((await handshake(client, "/ws/")).status, 101);
    app.use(guard);
    assert.equal((await handshake(client, "/ws/")).status, 401);
    assert.equal((await http(client, "/ws/")).status, 401);
  });

  test("guards an app of ours inside plain Koa, whenever it was added", async () => {
    const sub = feature();
    const plain = new Koa().use(koaMount("/ws", sub));
    await using client = await TestClient.start(plain);
    sub.use(guard);
    assert.equal((await http(client, "/ws/")).status, 401);
    assert.equal((await handshake(client, "/ws/")).status, 401);
  });

  test("runs once for each request, in the order it was added, the parent's first", async () => {
    const order: string[] = [];
    const note =
      (name: string): Koa.Middleware =>
      async (_ctx, next) => {
        order.push(`${name} in`);
        await next();
        order.push(`${name} out`);
      };
    const sub = new App().use(note("sub 1")) as App;
    const app = new App().use(note("root 1")) as App;
    app.mount("/sub", sub);
    app.use(note("root 2"));
    sub.use(note("sub 2"));
    sub.websocket("/", () => {});
    sub.router.get("/", (ctx) => {
      ctx.body = "page";
    });
    await using client = await TestClient.start(app);
    const expected = ["root 1", "root 2", "sub 1", "sub 2"].map((name) => `${name} in`);
    expected.push(...["sub 2", "sub 1", "root 2", "root 1"].map((name) => `${name} out`));
    await http(client, "/sub/");
    assert.deepEqual(order.splice(0), expected);
    await client.connect("/sub/");
    assert.deepEqual(order.splice(0), expected);
  });

  test("that is not a function is refused when it is added", () => {
    assert.throws(() => new App().use("guard" as never), /expected a middleware function/);
  });

  test("that answers itself and goes no further keeps mounts from running", async () => {
    const app = new App().mount("/ws", feature());
    app.use((ctx) => {
      ctx.status = 429;
      ctx.body = "slow down";
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/ws/")).status, 429);
    await assert.rejects(client.connect("/ws/"), (error: HandshakeRefused) => {
      assert.ok(error instanceof HandshakeRefused);
      assert.equal(error.status, 429);
      assert.equal(error.body, "slow down");
      return true;
    });
  });
});
