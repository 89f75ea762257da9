import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

describe("the context of a mounted app", () => {
  test("can take the response over with ctx.respond = false", async () => {
    const sub = new App();
    sub.use((ctx) => {
      ctx.respond = false;
      // After the middleware has returned, when Koa would have answered 404.
      setImmediate(() => {
        ctx.res.writeHead(203, { "Content-Type": "text/plain" });
        ctx.res.end("written by hand");
      });
    });
    const plain = new Koa().use((ctx) => {
      ctx.respond = false;
      setImmediate(() => {
        ctx.res.statusCode = 200;
        ctx.res.end("by a plain app");
      });
    });
    const root = new App().mount("/a", new App().mount("/:b", sub)).mount("/plain", plain);
    await using client = await TestClient.start(root);
    const response = await client.fetch("/a/b/");
    assert.equal(response.status, 203);
    assert.equal(await response.text(), "written by hand");
    assert.equal(await (await client.fetch("/plain/")).text(), "by a plain app");
  });

  test("gives its response to the parent, which sees it after next() and may change it", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.status = 201;
      ctx.set("X-Sub", "set below");
      ctx.body = "from below";
    });
    const seen: unknown[] = [];
    const root = new App().mount("/a", new App().mount("/:b", sub));
    root.use(async (ctx, next) => {
      await next();
      seen.push(ctx.status, ctx.response.get("X-Sub"), ctx.body);
      ctx.status = 202;
      ctx.set("X-Sub", "changed above");
      ctx.body = `${ctx.body}, changed above`;
    });
    await using client = await TestClient.start(root);
    const response = await client.fetch("/a/b/");
    assert.deepEqual(seen, [201, "set below", "from below"]);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-sub"), "changed above");
    assert.equal(await response.text(), "from below, changed above");
  });

  test("lets the parent turn a sub-app's 404 into a page of its own after next()", async () => {
    const root = new App().mount("/sub", new App());
    root.use(async (ctx, next) => {
      await next();
      if (ctx.status === 404) ctx.body = "nothing here";
    });
    await using client = await TestClient.start(root);
    const response = await client.fetch("/sub/unknown");
    assert.equal(await response.text(), "nothing here");
  });
});
