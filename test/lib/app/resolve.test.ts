import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";

const SEGMENTS = ["a", "b", ":id"];
const PATHS = ["/", "/a", "/a/", "/b", "/b/", "/a/a", "/a/b/", "/b/a", "/a/b/a", "/a/a/a/"];

/** An app as the property makes it: what it routes, and what is mounted in it. */
interface Shape {
  readonly routes: readonly string[];
  readonly sockets: readonly string[];
  readonly mounts: readonly (readonly [prefix: string, shape: Shape])[];
}

const path = fc
  .array(fc.constantFrom(...SEGMENTS), { maxLength: 2 })
  .chain((segments) =>
    fc.constantFrom("", "/").map((end) => `/${segments.join("/")}${segments.length ? end : ""}`),
  );
const unique = (pattern: string) => pattern.replace(/:id/g, ":").replace(/\/$/, "");

/** Apps within apps, at most so deep. */
function shapes(depth: number): fc.Arbitrary<Shape> {
  const mounts =
    depth === 0
      ? fc.constant([])
      : fc.uniqueArray(fc.tuple(path, shapes(depth - 1)), {
          maxLength: 2,
          selector: ([prefix]) => unique(prefix),
        });
  return fc.record({
    routes: fc.uniqueArray(path, { maxLength: 2 }),
    sockets: fc.uniqueArray(path, { maxLength: 1 }),
    mounts,
  });
}

/** Builds the apps. Each has a bound of its own on bodies, and says of a request that it has it. */
function build({ routes, sockets, mounts }: Shape, number: () => number): App {
  const maxBodyBytes = number();
  const app = new App({ maxBodyBytes });
  app.use((ctx, next) => {
    ctx.set("X-App", `${maxBodyBytes}`);
    return next();
  });
  for (const route of routes) {
    app.router.get(route, (ctx) => {
      ctx.body = "";
    });
  }
  for (const socket of sockets) app.websocket(socket, () => {});
  for (const [prefix, inner] of mounts) app.mount(prefix, build(inner, number));
  return app;
}

describe("where a path belongs", () => {
  test("is the same for the app that gets a request and for the settings that hold", async (t) => {
    let serve: http.RequestListener = () => {};
    const server = http.createServer((req, res) => serve(req, res)).listen(0);
    t.after(() => server.close());
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await fc.assert(
      fc.asyncProperty(shapes(2), async (tree) => {
        let last = 0;
        const app = build(tree, () => ++last);
        serve = app.callback();
        for (const target of PATHS) {
          const { headers } = await fetch(url + target, { redirect: "manual" });
          const settings = app.settingsAt(target);
          assert.equal(String(settings.maxBodyBytes), headers.get("x-app"), target);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("is the app itself for the other slash of its route, though an app is mounted at /", async () => {
    const other = new App({ allowedOrigins: ["https://other.example"] });
    const app = new App().mount("/", other);
    app.router.post("/page", (ctx) => {
      ctx.body = "";
    });
    await using client = await TestClient.start(app);
    const post = (target: string) =>
      client.fetch(target, { method: "POST", headers: { Origin: "https://other.example" } });
    assert.equal((await post("/page/")).status, 403);
    assert.equal((await post("/elsewhere")).status, 404);
  });
});
