import assert from "node:assert/strict";
import { METHODS } from "node:http";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, http } from "../../support/path-answers.ts";

describe("a redirect", () => {
  test("keeps the percent-encoding of a parameterised prefix byte for byte", async () => {
    await using client = await TestClient.start(new App().mount("/orgs/:org", feature()));
    await assertMovedTo(client, "/orgs/caf%c3%A9%2f?q=%2F", "/orgs/caf%c3%A9%2f/?q=%2F");
    await assertMovedTo(client, "/orgs/%5Cevil.example", "/orgs/%5Cevil.example/");
    await assertMovedTo(client, "/orgs/100%", "/orgs/100%/");
  });

  test("never points to another host, whatever the path and the Host header say", async () => {
    const app = new App();
    app.mount("/:tenant", feature());
    app.router.get("/:a/:b/", (ctx) => {
      ctx.body = "with a slash";
    });
    app.router.get("/:a/:b/:c", (ctx) => {
      ctx.body = "without";
    });
    await using client = await TestClient.start(app, { allowedHosts: ["evil.example"] });
    for (const target of [
      "//evil.example",
      "//evil.example/",
      "///evil.example",
      "//evil.example/a",
      "//evil.example/a/b/",
      "/\\evil.example",
      "/\\evil.example/a",
      "\\\\evil.example",
      "http://evil.example",
      "http://evil.example/a",
    ]) {
      const response = await http(client, target).catch(() => undefined);
      assert.equal(response?.headers.get("location") ?? null, null, target);
      assert.ok(!response || response.status >= 400, target);
    }
    const response = await http(client, "/t", { headers: { Host: "evil.example" } });
    assert.equal(response.headers.get("location"), "/t/");
  });

  test("does not happen where the URL parser reads another path than was sent", async () => {
    for (const root of [feature(), new Koa().use(koaMount("/", feature()))]) {
      await using client = await TestClient.start(root);
      for (const target of ["/#", "/\\#", "/?#", "/http-only\\#", "/http-only/\\", "/#/"]) {
        await assertNothingAt(client, target);
      }
    }
  });

  test("follows to the sub-app with method and body, as 307 asks a client to", async () => {
    const app = new App();
    const sub = new App();
    sub.router.post("/", async (ctx) => {
      let body = "";
      for await (const chunk of ctx.req) body += chunk;
      ctx.body = body;
    });
    app.mount("/sub", sub);
    await using client = await TestClient.start(app);
    const response = await client.fetch("/sub", {
      method: "POST",
      body: "kept",
      redirect: "follow",
    });
    assert.equal(await response.text(), "kept");
  });
});

test("every method that Node can parse is redirected at a missing slash", async () => {
  await using client = await TestClient.start(new App().mount("/ws", feature()));
  // CONNECT asks for a tunnel, whose target is no path.
  for (const method of METHODS.filter((name) => name !== "CONNECT")) {
    const response = await http(client, "/ws?x=1", { method });
    assert.equal(response.status, 307, method);
    assert.equal(response.headers.get("location"), "/ws/?x=1", method);
  }
});
