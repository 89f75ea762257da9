import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type Koa from "koa";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { json, reading } from "../../support/reading.ts";

describe("the context of a mounted app", () => {
  test("has the additions to app.context of its own app and the apps above, never of the apps below", async () => {
    const root = new App();
    const middle = new App();
    const inner = new App();
    root.context.fromRoot = () => "root";
    middle.context.fromMiddle = "middle";
    Object.defineProperty(inner.context, "fromInner", {
      get(this: Context) {
        return `inner of ${this.path}`;
      },
      enumerable: true,
      configurable: true,
    });
    const seen: unknown[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      const read = () => [ctx.fromRoot?.(), ctx.fromMiddle, ctx.fromInner];
      seen.push(read());
      await next();
      seen.push(read());
    };
    for (const app of [root, middle, inner]) app.use(note);
    root.mount("/m", middle);
    middle.mount("/:i", inner);
    await using client = await TestClient.start(root);
    await client.fetch("/m/i/x");
    const above = ["root", undefined, undefined];
    const between = ["root", "middle", undefined];
    const below = ["root", "middle", "inner of /x"];
    assert.deepEqual(seen, [above, between, below, below, between, above]);
  });

  test("has additions to app.context that are hidden or named by a symbol, as koa-session's are", async () => {
    const CACHE = Symbol("cache");
    const sub = reading((ctx) => (ctx as unknown as { session: string }).session);
    Object.defineProperties(sub.context, {
      [CACHE]: { value: "cached" },
      session: {
        get(this: Record<symbol, string>) {
          return this[CACHE];
        },
        configurable: true,
      },
    });
    await using client = await TestClient.start(new App().mount("/sub", sub));
    assert.equal(await json(client, "/sub/"), "cached");
  });

  test("overrides an addition of the parent's with its own, without changing the parent's", async () => {
    const root = new App();
    const sub = reading((ctx) => ctx.greeting);
    root.context.greeting = "from the root";
    sub.context.greeting = "from the sub-app";
    root.mount("/sub", sub);
    root.router.get("/", (ctx) => {
      ctx.body = JSON.stringify(ctx.greeting);
    });
    await using client = await TestClient.start(root);
    assert.equal(await json(client, "/sub/"), "from the sub-app");
    assert.equal(await json(client, "/"), "from the root");
  });
});
