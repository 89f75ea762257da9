import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { MAX_QUERY_KEYS, parseQuery } from "../../../lib/http/query.ts";
import { handshakeText, rawRequest, requestText } from "../../support/raw.ts";

/** What plain Koa makes of a query. */
function koaQuery(text: string): unknown {
  const request = Object.create(new Koa().request) as Koa.Request;
  Object.defineProperty(request, "querystring", { value: text });
  return request.query;
}

const piece = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "&",
    "=",
    "+",
    "%20",
    "%",
    "%zz",
    "&&",
    "=&",
    ";",
    "?",
    "ä",
    "\u{1f600}",
  ),
  fc.constantFrom("__proto__", "constructor", "toString", "length", "0", "10", "9", "a[b]", "%F0"),
  fc.string(),
);

test("a query is what Koa makes of it, keys and values in the same order", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const [ours, koas] = [parseQuery(text), koaQuery(text)];
      assert.deepStrictEqual(ours, koas);
      assert.deepStrictEqual(Reflect.ownKeys(ours), Reflect.ownKeys(koas as object));
      assert.deepStrictEqual(
        Object.getOwnPropertyDescriptors(ours),
        Object.getOwnPropertyDescriptors(koas),
      );
    }),
    { numRuns: 500 },
  );
});

/** An app that reads its query, in each place where one can be. */
function reading(app: Koa): Koa {
  return app.use((ctx) => {
    const first = ctx.query;
    ctx.body = { query: first, again: first === ctx.query };
  });
}

const places: [string, () => Koa][] = [
  ["an App", () => reading(new App())],
  ["an App in an App", () => new App().mount("/", reading(new App()))],
  ["a plain Koa app in an App", () => new App().mount("/", reading(new Koa()))],
  ["a plain Koa app that is served", () => reading(new Koa())],
  ["an App in a plain Koa app", () => new Koa().use(koaMount("/", reading(new App())))],
];

for (const [place, create] of places) {
  test(`${place} parses its query in one pass, once`, async (t) => {
    const app = create();
    await using client = await TestClient.start(app);
    // What Koa does for each key, going through the whole query.
    const text = `${"a&".repeat(500)}b=1&b=2`;
    const expected = { query: koaQuery(text), again: true };
    const getAll = t.mock.method(URLSearchParams.prototype, "getAll");
    const response = await client.fetch(`/?${text}`);
    assert.deepEqual(await response.json(), expected);
    assert.equal(getAll.mock.callCount(), 0);
  });
}

test("a query of more than a thousand parameters is refused 400, for HTTP and handshakes, before any middleware", async () => {
  const app = new App();
  let ran = 0;
  app.use((ctx, next) => {
    ran++;
    void ctx.query;
    return next();
  });
  app.websocket("/", () => {});
  await using client = await TestClient.start(app);
  const port = Number(new URL(client.url).port);
  for (const make of [requestText, handshakeText]) {
    const most = await rawRequest(port, make(`/?${"a&".repeat(MAX_QUERY_KEYS)}`));
    assert.notEqual(most.status, 400);
    assert.equal(ran--, 1);
    for (const query of ["a&".repeat(MAX_QUERY_KEYS + 1), "&a=1".repeat(MAX_QUERY_KEYS + 1)]) {
      const { status, body } = await rawRequest(port, make(`/?${query}`));
      assert.equal(status, 400);
      assert.match(body, /^expected a query of at most 1000 parameters, but got 1001$/);
    }
    assert.equal(ran, 0);
  }
});

test("an App that nobody serves refuses such a query where it is read", async () => {
  const app = reading(new App()) as App;
  const server = new Koa().use(koaMount("/", app)).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { status } = await rawRequest(port, requestText(`/?${"a&".repeat(1_001)}`));
    assert.equal(status, 400);
  } finally {
    server.close();
  }
});

test("what sets ctx.query, and another parser on app.request, stay in force", async () => {
  const app = new App();
  app.use((ctx) => {
    ctx.query = { a: ["1", "2"], b: "x y" };
    ctx.body = { url: ctx.url, query: ctx.query };
  });
  const other = new Koa();
  Object.defineProperty(other.request, "query", { configurable: true, get: () => "another's" });
  other.use((ctx) => {
    ctx.body = { query: ctx.query };
  });
  await using client = await TestClient.start(app);
  assert.deepEqual(await (await client.fetch("/p?z")).json(), {
    url: "/p?a=1&a=2&b=x+y",
    query: { a: ["1", "2"], b: "x y" },
  });
  await using second = await TestClient.start(other);
  assert.deepEqual(await (await second.fetch("/?z")).json(), { query: "another's" });
});
