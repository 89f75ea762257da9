import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, handshake, http } from "../../support/path-answers.ts";

describe("an app's own routes", () => {
  const routed = () => {
    const app = new App();
    app.router.get("/plain", (ctx) => {
      ctx.body = "plain";
    });
    app.router.get("/slash/", (ctx) => {
      ctx.body = "slash";
    });
    app.router.post("/form", (ctx) => {
      ctx.body = "form";
    });
    app.websocket("/socket", () => {});
    app.websocket("/socket-slash/", () => {});
    return app;
  };

  test("are strict about the final slash, in both directions", async () => {
    await using client = await TestClient.start(routed());
    assert.equal((await http(client, "/plain")).status, 200);
    assert.equal((await http(client, "/slash/")).status, 200);
    await assertMovedTo(client, "/plain/", "/plain");
    await assertMovedTo(client, "/slash?a=1", "/slash/?a=1");
    await assertMovedTo(client, "/socket/", "/socket");
    await assertMovedTo(client, "/socket-slash", "/socket-slash/");
    const post = await http(client, "/form/", { method: "POST", body: "x" });
    assert.equal(post.status, 307);
    assert.equal(post.headers.get("location"), "/form");
  });

  test("are case-sensitive", async () => {
    await using client = await TestClient.start(routed());
    for (const path of ["/Plain", "/PLAIN/", "/Socket", "/SLASH/"])
      await assertNothingAt(client, path);
  });

  test("answer a method they do not have with 405, and OPTIONS with the ones they have", async () => {
    await using client = await TestClient.start(routed());
    const refused = await http(client, "/form", { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get("allow"), "POST");
    const options = await http(client, "/plain", { method: "OPTIONS" });
    assert.equal(options.status, 200);
    assert.equal(options.headers.get("allow"), "HEAD, GET");
  });

  test("answer both HTTP and WebSocket at one path, each by its own handler", async () => {
    const app = new App();
    app.router.get("/both", (ctx) => {
      ctx.body = "page";
    });
    app.websocket("/both", async (socket) => {
      await socket.send("socket");
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.fetch("/both")).text(), "page");
    assert.equal(await (await client.connect("/both")).receive(), "socket");
  });

  test("of plain HTTP do not run for a handshake", async () => {
    const app = new App();
    let runs = 0;
    app.router.use((_ctx, next) => {
      runs++;
      return next();
    });
    app.router.all("/page", (ctx) => {
      runs++;
      ctx.status = 402;
    });
    await using client = await TestClient.start(app);
    const refused = await handshake(client, "/page");
    assert.equal(refused.status, 403);
    assert.match(refused.body, /plain HTTP/);
    assert.equal(runs, 0);
    assert.equal((await http(client, "/page")).status, 402);
    assert.equal(runs, 2);
  });

  test("guard with router.use() below parameterised prefixes and in any case", async () => {
    const app = new App();
    app.router.use("/orgs/:org", (ctx, next) => (ctx.get("Token") ? next() : ctx.throw(401)));
    app.router.get("/orgs/:org/secret", (ctx) => {
      ctx.body = "secret";
    });
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/orgs/acme/secret")).status, 401);
    assert.notEqual((await http(client, "/ORGS/acme/secret")).status, 200);
    assert.equal(
      (await http(client, "/orgs/acme/secret", { headers: { Token: "t" } })).status,
      200,
    );
  });

  test("at a mount's prefix go before the redirect to the mount", async () => {
    const app = new App();
    app.router.get("/ws", (ctx) => {
      ctx.body = "the parent's page";
    });
    app.mount("/ws", feature());
    app.mount("/:tenant", feature());
    app.websocket("/acme", async (socket) => {
      await socket.send("the parent's socket");
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.fetch("/ws")).text(), "the parent's page");
    assert.equal(await (await client.fetch("/ws/")).text(), "the feature's page");
    assert.equal(await (await client.connect("/acme")).receive(), "the parent's socket");
    assert.equal(await (await client.connect("/acme/")).receive(), "connected to / under /acme");
  });

  test("do not answer below a mount's prefix", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.router.get("/ws/parents", (ctx) => {
      ctx.body = "never";
    });
    app.router.get("/:any/unknown", (ctx) => {
      ctx.body = "never";
    });
    app.websocket("/ws/parents", () => {});
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/ws/parents");
    await assertNothingAt(client, "/ws/unknown");
  });
});
