import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

describe("the context of a mounted app", () => {
  test("signs and verifies cookies with the parent's keys", async () => {
    const sub = new App();
    sub.router.get("/set", (ctx) => {
      ctx.cookies.set("session", "s1", { signed: true });
      ctx.body = "set";
    });
    sub.router.get("/get", (ctx) => {
      ctx.body = ctx.cookies.get("session", { signed: true }) ?? "forged";
    });
    const root = new App({ keys: ["the root's"] }).mount("/a", new App().mount("/:b", sub));
    root.router.get("/get", (ctx) => {
      ctx.body = ctx.cookies.get("session", { signed: true }) ?? "forged";
    });
    await using client = await TestClient.start(root);
    const cookies = (await client.fetch("/a/b/set")).headers.getSetCookie();
    const Cookie = cookies.map((cookie) => cookie.split(";", 1)[0]).join("; ");
    assert.match(Cookie, /session\.sig=/);
    const get = async (path: string, headers: Record<string, string>) =>
      (await client.fetch(path, { headers })).text();
    assert.equal(await get("/a/b/get", { Cookie }), "s1");
    assert.equal(await get("/get", { Cookie }), "s1");
    assert.equal(await get("/a/b/get", { Cookie: Cookie.replace("=s1", "=s2") }), "forged");
  });

  for (const touched of [false, true]) {
    const when = touched ? "even when the parent has used cookies before it" : "where it has some";
    test(`signs with its own keys ${when}`, async () => {
      const set: Koa.Middleware = (ctx) => {
        ctx.cookies.set("session", "s1", { signed: true });
        ctx.body = "set";
      };
      const root = new App({ keys: ["the root's"] });
      root.use((ctx, next) => {
        if (touched) ctx.cookies.get("other", { signed: true });
        return next();
      });
      root.mount("/own", new App({ keys: ["the sub-app's"] }).use(set));
      root.mount("/same", new App({ keys: ["the root's"] }).use(set));
      root.mount("/inherited", new App().use(set));
      root.mount(
        "/without",
        new App().mount("/own", new App({ keys: ["the sub-app's"] }).use(set)),
      );
      await using client = await TestClient.start(root);
      const signed = async (path: string) =>
        (await client.fetch(path)).headers.getSetCookie().join("\n");
      assert.equal(await signed("/same/"), await signed("/inherited/"));
      assert.notEqual(await signed("/own/"), await signed("/inherited/"));
      assert.equal(await signed("/without/own/"), await signed("/own/"));
    });
  }
});
