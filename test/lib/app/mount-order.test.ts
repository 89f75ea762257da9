import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { feature, named } from "../../support/feature.ts";
import { assertMovedTo, assertNothingAt, handshake, http } from "../../support/path-answers.ts";

describe("a mount", () => {
  test("owns its prefix: a catch-all of the parent does not answer below it", async () => {
    const app = new App();
    app.mount("/ws", feature());
    app.use(async (ctx, next) => {
      await next();
      if (ctx.path.startsWith("/front")) ctx.body = "a fallback the parent wrote on purpose";
    });
    const catchAll = new Koa();
    catchAll.use((ctx) => {
      ctx.body = "<h1>index.html</h1>";
    });
    app.mount("/", catchAll);
    app.router.get("/ws/{*any}", (ctx) => {
      ctx.body = "never";
    });
    await using client = await TestClient.start(app);
    await assertNothingAt(client, "/ws/unknown");
    await assertNothingAt(client, "/ws/rooms/1/2");
    assert.equal((await http(client, "/elsewhere")).body, "<h1>index.html</h1>");
    const refused = await handshake(client, "/elsewhere");
    assert.equal(refused.status, 403);
    assert.doesNotMatch(refused.body, /<h1>/);
  });

  test("at the longest prefix wins, in every order of registration", async () => {
    const prefixes = ["/", "/a", "/a/b", "/a/b/c", "/:x/b", "/a/:y/c", "/:x/:y/:z"];
    const where: [path: string, prefix: string][] = [
      ["/z", "/"],
      ["/a/z", "/a"],
      ["/a/b/", "/a/b"],
      ["/a/b/c/z", "/a/b/c"],
      ["/q/b/", "/:x/b"],
      ["/a/q/c/z", "/a/:y/c"],
      ["/q/r/s/z", "/:x/:y/:z"],
      // Longer and less literal beats shorter and literal.
      ["/a/b/q/z", "/:x/:y/:z"],
      ["/q/b/c/z", "/:x/:y/:z"],
    ];
    for (const order of orders(prefixes)) {
      const app = new App();
      for (const prefix of order) app.mount(prefix, named(prefix));
      await using client = await TestClient.start(app);
      for (const [path, prefix] of where) {
        const { body } = await http(client, path);
        assert.equal(body, prefix, `${path} with ${order.join(" ")}`);
      }
    }
  });

  test("with a parameter gives way to a literal one and to a longer one", async () => {
    const app = new App();
    app.mount("/orgs/:org", feature());
    app.mount("/orgs/acme", named("the literal"));
    app.mount("/orgs/:org/x", named("the longer"));
    await using client = await TestClient.start(app);
    assert.equal((await http(client, "/orgs/other/rooms/1")).body, "room 1");
    assert.equal((await http(client, "/orgs/other/")).headers.get("x-mount"), "/orgs/other");
    assert.equal((await http(client, "/orgs/acme/rooms/1")).body, "the literal");
    assert.equal((await http(client, "/orgs/acme/x/")).body, "the longer");
    assert.equal((await http(client, "/orgs/other/x/")).body, "the longer");
    assert.equal((await http(client, "/orgs/other/xx")).headers.get("x-mount"), "/orgs/other");
    await assertMovedTo(client, "/orgs/acme", "/orgs/acme/");
    await assertMovedTo(client, "/orgs/other/x", "/orgs/other/x/");
    await assertNothingAt(client, "/orgs/");
    await assertNothingAt(client, "/orgs//");
    await assertNothingAt(client, "/orgs");
  });

  test("is reachable among a thousand, each under its own prefix", async () => {
    const app = new App();
    for (let i = 0; i < 1_000; i++) app.mount(`/feature-${i}`, named(String(i)));
    await using client = await TestClient.start(app);
    for (let i = 0; i < 1_000; i += 37) {
      assert.equal((await http(client, `/feature-${i}/`)).body, String(i));
    }
    assert.equal((await http(client, "/feature-999/")).body, "999");
    await assertNothingAt(client, "/feature-1000/");
  });
});

/** Every rotation of a list, forwards and backwards. */
function orders<T>(list: readonly T[]): T[][] {
  const rotations = list.map((_, i) => [...list.slice(i), ...list.slice(0, i)]);
  return [...rotations, ...rotations.map((order) => order.toReversed())];
}
