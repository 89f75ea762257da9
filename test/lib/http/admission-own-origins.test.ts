import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { answers, ask, shake } from "../../support/admission.ts";

describe("an app's own allowed origins", () => {
  const [A, B, C] = ["https://a.example", "https://b.example", "https://c.example"];

  test("let in below its mount and nowhere else, for requests and handshakes", async () => {
    const app = answers(new App());
    app.mount("/a", answers(new App({ allowedOrigins: [A] })));
    app.mount("/b", answers(new App({ allowedOrigins: [B] })));
    app.mount("/none", answers(new App()));
    await using client = await TestClient.start(app);
    for (const [prefix, origin, allowed] of [
      ["", A, false],
      ["/a", A, true],
      ["/a", B, false],
      ["/b", A, false],
      ["/b", B, true],
      ["/none", A, false],
      ["//a", A, false],
      ["/A", A, false],
      ["/%61", A, false],
      ["/none/../a", A, false],
      ["/ab", A, false],
      ["/b?/a/", A, false],
      ["/b#/a/", A, false],
      ["/b\\..\\a", A, false],
    ] as const) {
      const headers = { Host: "localhost", Origin: origin };
      const what = `${origin} at ${prefix}`;
      assert.equal((await shake(client, headers, `${prefix}/ws`)) === 101, allowed, what);
      const { status } = await ask(client, headers, "POST", `${prefix}/page`);
      assert.equal(status === 200, allowed, what);
    }
  });

  test("are those of the deepest app that names some, nested and with parameters", async () => {
    const leaf = answers(new App({ allowedOrigins: [C] }));
    const quiet = answers(new App());
    const closed = answers(new App({ allowedOrigins: [] }));
    const middle = answers(new App({ allowedOrigins: [B] }));
    middle.mount("/:room/leaf", leaf).mount("/quiet", quiet).mount("/closed", closed);
    const app = answers(new App({ allowedOrigins: [A] })).mount("/orgs/:org", middle);
    await using client = await TestClient.start(app, { allowedOrigins: ["https://all.example"] });
    for (const [prefix, origins] of [
      ["", [A]],
      ["/orgs/acme", [B]],
      ["/orgs/%61%2F", [B]],
      ["/orgs/acme/1/leaf", [C]],
      ["/orgs/acme/quiet", [B]],
      ["/orgs/acme/closed", []],
    ] as const) {
      for (const origin of [A, B, C, "https://all.example", "http://localhost"]) {
        const allowed =
          origin.includes("all.") ||
          origin.includes("localhost") ||
          origins.includes(origin as never);
        const headers = { Host: "localhost", Origin: origin };
        const what = `${origin} at ${prefix}`;
        assert.equal(await shake(client, headers, `${prefix}/ws`), allowed ? 101 : 403, what);
        const { status } = await ask(client, headers, "POST", `${prefix}/page`);
        assert.equal(status, allowed ? 200 : 403, what);
      }
    }
  });

  test("of an app mounted at / hold for what is its own, and not for a route of the app above", async () => {
    const app = answers(new App());
    const site = new App({ allowedOrigins: [A] });
    site.router.post("/form", (ctx) => {
      ctx.body = "of the site";
    });
    app.mount("/", site);
    await using client = await TestClient.start(app);
    const headers = { Host: "localhost", Origin: A };
    assert.equal((await ask(client, headers, "POST", "/form")).status, 200);
    assert.equal((await ask(client, headers, "POST", "/page")).status, 403);
    assert.equal(await shake(client, headers, "/ws"), 403);
  });

  test("do not hold for a route of the app above at the prefix itself", async () => {
    const app = new App();
    app.router.post("/a", (ctx) => {
      ctx.body = "of the root";
    });
    app.websocket("/a", () => {});
    app.mount("/a", answers(new App({ allowedOrigins: [A] })));
    await using client = await TestClient.start(app);
    const headers = { Host: "localhost", Origin: A };
    assert.equal((await ask(client, headers, "POST", "/a/page")).status, 200);
    assert.equal((await ask(client, headers, "POST", "/a")).status, 403);
    assert.equal(await shake(client, headers, "/a"), 403);
  });

  test("do not reach into a plain Koa app, which has those of the app above", async () => {
    const plain = new Koa();
    plain.use((ctx) => {
      ctx.body = "plain";
    });
    const app = new App({ allowedOrigins: [A] }).mount("/plain", plain);
    await using client = await TestClient.start(app);
    const from = (origin: string) => ({ Host: "localhost", Origin: origin });
    assert.equal((await ask(client, from(A), "POST", "/plain/x")).status, 200);
    assert.equal((await ask(client, from(B), "POST", "/plain/x")).status, 403);
  });
});
