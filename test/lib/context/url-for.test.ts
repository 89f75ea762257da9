import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { json, PROXIED } from "../../support/reading.ts";

describe("ctx.urlFor", () => {
  function linked(): App {
    const app = new App();
    app.router.get("page", "/pages/:page", (ctx) => {
      const { name = "", ...params } = ctx.query as Record<string, string>;
      try {
        ctx.body = JSON.stringify((ctx as unknown as Context).urlFor(name, params));
      } catch (error) {
        ctx.body = JSON.stringify(`refused: ${(error as Error).message}`);
      }
    });
    app.router.get("home", "/", () => {});
    app.websocket("/rooms/:room", { name: "room" }, () => {});
    return app;
  }

  test("gives a path with every prefix for an HTTP route", async () => {
    const root = new App().mount("/a", new App().mount("/orgs/:org", linked()));
    await using client = await TestClient.start(root);
    const base = "/a/orgs/caf%C3%A9";
    assert.equal(await json(client, `${base}/pages/1?name=page&page=2`), `${base}/pages/2`);
    assert.equal(await json(client, `${base}/pages/1?name=home`), `${base}/`);
    const link = await json(client, `${base}/pages/1?name=page&page=a%2Fb%3F`);
    assert.equal(link, `${base}/pages/a%2Fb%3F`);
    assert.equal((await client.fetch(String(link))).status, 200, "the link leads to its route");
  });

  test("gives a ws URL with every prefix for a WebSocket route, wss where the client used TLS", async () => {
    const root = new App().mount("/a", new App().mount("/orgs/:org", linked()));
    await using client = await TestClient.start(root, PROXIED);
    const path = "/a/orgs/acme/pages/1?name=room&room=1";
    const { host } = new URL(client.url);
    assert.equal(await json(client, path), `ws://${host}/a/orgs/acme/rooms/1`);
    const headers = { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example" };
    assert.equal(await json(client, path, { headers }), "wss://public.example/a/orgs/acme/rooms/1");
  });

  test("gives the link of an app that stands alone, at / or inside plain Koa", async () => {
    for (const [root, base] of [
      [linked(), ""],
      [new App().mount("/", linked()), ""],
      [new Koa().use(koaMount("/koa", linked())), "/koa"],
    ] as const) {
      await using client = await TestClient.start(root);
      assert.equal(await json(client, `${base}/pages/1?name=page&page=2`), `${base}/pages/2`);
    }
  });

  test("finds a route of an app above, with that app's prefix, its own first", async () => {
    const inner = linked();
    const middle = new App().mount("/inner", inner);
    middle.router.get("above", "/above/:x", () => {});
    middle.router.get("home", "/not-this-home", () => {});
    const root = new App().mount("/middle", middle);
    root.websocket("/top", { name: "top" }, () => {});
    await using client = await TestClient.start(root);
    const base = "/middle/inner/pages/1";
    assert.equal(await json(client, `${base}?name=above&x=1`), "/middle/above/1");
    assert.equal(await json(client, `${base}?name=home`), "/middle/inner/");
    assert.match(String(await json(client, `${base}?name=top`)), /^ws:\/\/[^/]+\/top$/);
  });

  test("works for middleware and for a plain Koa app below", async () => {
    const plain = new Koa().use((ctx) => {
      ctx.body = JSON.stringify((ctx as unknown as Context).urlFor("home"));
    });
    const root = new App().mount("/sub", linked().mount("/plain", plain));
    await using client = await TestClient.start(root);
    assert.equal(await json(client, "/sub/plain/"), "/sub/");
  });

  test("refuses an unknown name, a route below or beside, and a missing parameter", async () => {
    const beside = new App();
    beside.router.get("beside", "/beside", () => {});
    const root = new App().mount("/sub", linked()).mount("/beside", beside);
    await using client = await TestClient.start(root);
    for (const name of ["nowhere", "beside", "constructor", ""]) {
      const refused = String(await json(client, `/sub/pages/1?name=${name}`));
      assert.match(refused, /refused: expected the name of a route/, name);
      assert.ok(refused.includes(`"${name}"`), refused);
    }
    assert.match(String(await json(client, "/sub/pages/1?name=room")), /refused: .*room/);
  });

  test("works in a handler after its handshake", async () => {
    const app = linked();
    app.websocket("/links", async (socket, ctx) => {
      for await (const name of socket) await socket.send(ctx.urlFor(name, { room: 1, page: 2 }));
    });
    await using client = await TestClient.start(new App().mount("/orgs/:org", app));
    const socket = await client.connect("/orgs/acme/links");
    socket.send("page");
    assert.equal(await socket.receive(), "/orgs/acme/pages/2");
    socket.send("room");
    assert.equal(await socket.receive(), `ws://${new URL(client.url).host}/orgs/acme/rooms/1`);
  });
});
