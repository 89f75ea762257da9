import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import Koa from "koa";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { handshakeText, rawRequest, requestText } from "../../support/raw.ts";

/** An app whose first middleware has seen these paths. */
function seeing(): { app: App; seen: unknown[] } {
  const seen: unknown[] = [];
  const app = new App();
  app.use((ctx) => {
    seen.push(ctx.path);
    ctx.body = ctx.path.toUpperCase();
  });
  return { app, seen };
}

describe("a request target", () => {
  const PATHLESS = [
    "http://localhost@?evil.example/",
    "http://localhost@evil.example/page",
    "http://@/page",
    "http://?x",
    "http://#/page",
    "http:///page",
    "http://xn--/page",
    "//?@#",
    "*",
  ];

  test("that is no path is 400 before any middleware, for requests and handshakes", async () => {
    const { app, seen } = seeing();
    await using client = await TestClient.start(app);
    const port = Number(new URL(client.url).port);
    for (const target of PATHLESS) {
      assert.equal((await rawRequest(port, requestText(target))).status, 400, target);
      assert.equal((await rawRequest(port, handshakeText(target))).status, 400, target);
    }
    const plain = new Koa();
    plain.use((ctx) => void seen.push(ctx.path));
    await using other = await TestClient.start(plain);
    for (const target of PATHLESS) {
      const { status } = await rawRequest(Number(new URL(other.url).port), requestText(target));
      assert.equal(status, 400, target);
    }
    assert.deepEqual(seen, []);
  });

  test("in absolute form reaches the app when it has a path", async () => {
    const { app, seen } = seeing();
    await using client = await TestClient.start(app, { allowedHosts: ["chat.example"] });
    const port = Number(new URL(client.url).port);
    for (const [target, path] of [
      ["http://localhost/page", "/page"],
      ["http://localhost:8000/page?x", "/page"],
      ["HTTP://chat.example/page", "/page"],
      ["http://[::1]:8000/page", "/page"],
      ["http://localhost", "/"],
      ["http://localhost?x", "/"],
    ] as const) {
      const { status, body } = await rawRequest(port, requestText(target));
      assert.deepEqual([status, body], [200, path.toUpperCase()], target);
    }
    assert.deepEqual([...new Set(seen)], ["/page", "/"]);
    const star = await rawRequest(port, requestText("*", { method: "OPTIONS" }));
    assert.equal(star.status, 200);
  });

  test("is never null to a middleware, whatever is sent", async () => {
    const { app, seen } = seeing();
    await using client = await TestClient.start(app);
    const port = Number(new URL(client.url).port);
    const target = fc
      .tuple(
        fc.constantFrom("/", "//", "http://", "http://localhost", "http://[", "ws://x", "*", "?"),
        fc.array(fc.constantFrom(..."/?#@\\:[]%\u00a0\u00e9*.x0".split("")), { maxLength: 8 }),
      )
      .map(([start, rest]) => start + rest.join(""));
    await fc.assert(
      fc.asyncProperty(target, async (each) => {
        seen.length = 0;
        const { status } = await rawRequest(port, requestText(each));
        assert.ok(status === 200 || status === 400, `${each} gets ${status}`);
        if (status === 400) assert.deepEqual(seen, []);
      }),
      { numRuns: 150 },
    );
  });
});

describe("two Host headers", () => {
  test("are 400 on plain HTTP, health included, before any middleware", async () => {
    const { app, seen } = seeing();
    await using client = await TestClient.start(app);
    const port = Number(new URL(client.url).port);
    for (const path of ["/page", "/livez", "/readyz"]) {
      for (const second of ["evil.example", "localhost"]) {
        const text = requestText(path).replace("\r\n\r\n", `\r\nhOST: ${second}\r\n\r\n`);
        const { status, body } = await rawRequest(port, text);
        assert.deepEqual([status, body], [400, "expected one Host header"], path);
      }
    }
    assert.deepEqual(seen, []);
  });
});
