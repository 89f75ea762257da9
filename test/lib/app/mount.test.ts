import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, handshake, http } from "../../support/path-answers.ts";

describe("a mount", () => {
  test("can hold the same app as another mount, each with its own prefix", async () => {
    const app = new App();
    const shared = feature();
    app.mount("/one", shared);
    app.mount("/two", shared);
    app.mount("/orgs/:org", new App().mount("/three", shared));
    await using client = await TestClient.start(app);
    for (const base of ["/one", "/two", "/orgs/acme/three"]) {
      const socket = await client.connect(`${base}/`);
      assert.equal(await socket.receive(), `connected to / under ${base}`);
      await assertMovedTo(client, base, `${base}/`);
    }
  });

  test("keeps concurrent requests to different prefixes apart", async () => {
    const app = new App();
    const shared = feature();
    app.mount("/one", shared);
    app.mount("/orgs/:org", shared);
    await using client = await TestClient.start(app);
    const bases = Array.from({ length: 40 }, (_, i) => (i % 2 ? "/one" : `/orgs/n${i}`));
    const responses = await Promise.all(bases.map((base) => http(client, `${base}/rooms/1`)));
    assert.deepEqual(
      responses.map(({ headers }) => headers.get("x-mount")),
      bases,
    );
  });

  test("of a plain Koa app serves HTTP, refuses handshakes, and takes middleware later", async () => {
    const plain = new Koa();
    const app = new App().mount("/plain", plain).mount("/orgs/:org", plain);
    plain.use(async (ctx, next) => {
      ctx.set("X-Path", ctx.path);
      await next();
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/plain/x")).status, 404);
    plain.use((ctx) => {
      if (ctx.path === "/x")
        ctx.body = `plain at ${ctx.mountPath}, and itself: ${ctx.app === plain}`;
    });
    for (const base of ["/plain", "/orgs/acme"]) {
      const page = await http(client, `${base}/x`);
      assert.equal(page.status, 200);
      assert.equal(page.headers.get("x-path"), "/x");
      assert.equal(page.body, `plain at ${base}, and itself: true`);
      assert.equal((await handshake(client, `${base}/x`)).status, 403);
      await assertMovedTo(client, base, `${base}/`);
      await assertNothingAt(client, `${base}/unknown`);
    }
  });

  test("of an app of ours inside a plain Koa app inside one of ours has the whole prefix", async () => {
    const plain = new Koa().use(koaMount("/inner", feature()));
    const root = new App().mount("/outer", new App().mount("/:name", plain));
    await using client = await TestClient.start(root);
    const socket = await client.connect("/outer/plain/inner/");
    assert.equal(await socket.receive(), "connected to / under /outer/plain/inner");
    await assertMovedTo(client, "/outer/plain/inner", "/outer/plain/inner/");
  });

  test("takes routes, middleware and mounts that are added to its app afterwards", async () => {
    const app = new App();
    const sub = new App();
    app.mount("/sub", sub);
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/sub/");
    sub.use((ctx, next) => {
      ctx.set("X-Late", "yes");
      return next();
    });
    sub.router.get("/", (ctx) => {
      ctx.body = "late page";
    });
    sub.websocket("/", async (socket) => {
      await socket.send("late socket");
    });
    sub.mount("/deep", feature());
    const page = await http(client, "/sub/");
    assert.equal(page.body, "late page");
    assert.equal(page.headers.get("x-late"), "yes");
    const socket = await client.connect("/sub/");
    assert.equal(await socket.receive(), "late socket");
    assert.equal(socket.headers["x-late"], "yes");
    assert.equal((await http(client, "/sub/deep/rooms/1")).body, "room 1");
  });
});
