import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, handshake, http } from "../../support/path-answers.ts";

describe("a mount at /", () => {
  const site = () => {
    const app = new App();
    app.use((ctx, next) => {
      // A catch-all page, as a site with client-side routing has it.
      if (ctx.path === "/page") ctx.body = "the site's page";
      return next();
    });
    app.router.get("/{*any}", (ctx) => {
      ctx.body = `the site's ${ctx.path} under "${ctx.mountPath}"`;
    });
    app.websocket("/live", async (socket) => {
      await socket.send("the site's socket");
    });
    return app;
  };

  for (const order of ["before", "after"]) {
    test(`never disables a redirect, mounted ${order} the others`, async () => {
      const app = new App();
      if (order === "before") app.mount("/", site());
      app.mount("/ws", feature());
      app.mount("/orgs/:org", feature());
      app.router.get("/own", (ctx) => {
        ctx.body = "own";
      });
      if (order === "after") app.mount("/", site());
      await using client = await TestClient.start(app);
      await assertMovedTo(client, "/ws?x=1", "/ws/?x=1");
      await assertMovedTo(client, "/orgs/acme", "/orgs/acme/");
      await assertMovedTo(client, "/own/", "/own");
    });

    test(`answers what no other prefix owns, mounted ${order} the others`, async () => {
      const app = new App();
      if (order === "before") app.mount("/", site());
      app.mount("/ws", feature());
      if (order === "after") app.mount("/", site());
      await using client = await TestClient.start(app);
      assert.equal((await http(client, "/")).body, `the site's / under ""`);
      assert.equal((await http(client, "/wsx")).body, `the site's /wsx under ""`);
      assert.equal((await http(client, "/WS/")).body, `the site's /WS/ under ""`);
      assert.equal(await (await client.connect("/live")).receive(), "the site's socket");
      await assertNothingAt(client, "/ws/unknown");
      await assertNothingAt(client, "/ws//");
    });
  }

  test("works without any other mount, for plain Koa apps too", async () => {
    const plain = new Koa();
    plain.use((ctx) => {
      ctx.body = `plain ${ctx.path}`;
    });
    await using client = await TestClient.start(new App().mount("/", plain));
    assert.equal((await http(client, "/any/path/")).body, "plain /any/path/");
    assert.equal((await handshake(client, "/any/path/")).status, 403);
  });
});

test("OPTIONS *, which asks about the server, matches no app", async () => {
  for (const root of [new App().mount("/", new App()), feature()]) {
    await using client = await TestClient.start(root);
    assert.equal((await http(client, "*", { method: "OPTIONS" })).status, 404);
  }
});
