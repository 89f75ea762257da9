// One table over every kind of answer: whoever writes it, it carries the same security headers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { App, Refusal } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createAdmin } from "../../../apps/admin/index.ts";
import { site } from "../../../apps/site/index.ts";
import { createTasks } from "../../../apps/tasks/index.ts";
import { SECURITY_HEADERS } from "../../../lib/http/security-headers.ts";
import { requestText } from "../../support/raw.ts";
import { handshake, Wire } from "../../support/wire.ts";

const TOKEN = "a token of more than sixteen";

function tree(): App {
  const app = new App();
  app.router.get("/page", (ctx) => {
    ctx.body = "a page";
  });
  app.router.get("/throws", () => {
    throw new Error("broken");
  });
  app.router.get("/late", (ctx) => {
    ctx.set("Content-Security-Policy", "default-src 'self'");
    ctx.throw(418);
  });
  app.router.get("/refuses", () => {
    throw new Refusal(403, "no", { "X-Why": "so" });
  });
  app.router.get("/past-koa", (ctx) => {
    ctx.respond = false;
    ctx.res.writeHead(200, "Fine", { "Content-Type": "text/plain" }).end("past Koa");
  });
  app.router.post("/post", async (ctx) => {
    for await (const _ of ctx.req);
    ctx.body = "posted";
  });
  app.websocket("/ws", () => {});
  app.websocket(
    "/refused",
    (ctx) => ctx.throw(401),
    () => {},
  );
  app.websocket(
    "/broken",
    () => Promise.reject(new Error("broken")),
    () => {},
  );
  app.websocket(
    "/never",
    () => new Promise(() => {}),
    () => {},
  );
  app.mount(
    "/sub",
    new App({ maxConnections: 0 }).websocket("/", () => {}),
  );
  return app.mount("/admin", createAdmin(TOKEN)).mount("/tasks", createTasks()).mount("/", site);
}

const get = (path: string, headers: Record<string, string> = {}) => requestText(path, { headers });
const send = (method: string, path: string, body = "") => requestText(path, { method, body });

const http: [kind: string, status: number, request: string][] = [
  ["a page", 200, get("/page")],
  ["a file", 200, get("/")],
  ["a module of a package", 200, get("/vendor/partysocket/ws.js")],
  ["HEAD", 200, send("HEAD", "/page")],
  ["OPTIONS", 200, send("OPTIONS", "/page")],
  ["an answer past Koa", 200, get("/past-koa")],
  ["a POST", 200, send("POST", "/post", "abc")],
  ["a redirect to the slash", 307, get("/admin")],
  ["nothing", 404, get("/nothing/here")],
  ["no plain path", 404, get("/page\\#")],
  ["a method that the path has not", 405, send("PUT", "/page")],
  ["a method that nobody knows", 501, send("PROPFIND", "/page")],
  ["what only WebSocket serves", 426, get("/ws")],
  ["a thrown error", 500, get("/throws")],
  ["a thrown status, after headers were set", 418, get("/late")],
  ["a thrown refusal", 403, get("/refuses")],
  ["no token", 401, get("/admin/")],
  ["a token", 200, get("/admin/", { Authorization: `Bearer ${TOKEN}` })],
  ["no task of that id", 404, get("/tasks/nothing")],
  ["the list of tasks", 200, get("/tasks/")],
  ["another Host", 421, get("/page", { Host: "evil.example" })],
  [
    "another Origin",
    403,
    requestText("/post", { method: "POST", headers: { Origin: "http://evil.example" } }),
  ],
  ["too many parameters", 400, get(`/page?${"a&".repeat(1_001)}`)],
  [
    "a body too long, announced",
    413,
    requestText("/post", { method: "POST", headers: { "Content-Length": "9999999" } }),
  ],
  ["an expectation", 417, get("/page", { Expect: "the unexpected" })],
  ["that it lives", 200, get("/livez")],
  ["that it is ready", 200, get("/readyz")],
  ["another protocol to upgrade to", 200, get("/page", { Connection: "Upgrade", Upgrade: "h2c" })],
  [
    "another protocol, with a body",
    400,
    requestText("/page", { headers: { Connection: "Upgrade", Upgrade: "h2c" }, body: "x" }),
  ],
  ["no request at all", 400, "NONSENSE\r\n\r\n"],
  ["no Host", 400, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["headers too long", 431, get("/page", { "X-Long": "x".repeat(20_000) })],
  [
    "a malformed chunk",
    400,
    "POST /post HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ],
];

const handshakes: [kind: string, status: number, request: string][] = [
  ["nobody accepts", 403, handshake("/nothing/here")],
  ["misses the slash", 403, handshake("/admin")],
  ["goes to a page", 403, handshake("/page")],
  ["goes to a file", 403, handshake("/")],
  ["has no key", 400, handshake("/ws", { "Sec-WebSocket-Key": undefined })],
  ["is of another version", 426, handshake("/ws", { "Sec-WebSocket-Version": "8" })],
  ["is a POST", 405, handshake("/ws").replace("GET", "POST")],
  ["comes from another Origin", 403, handshake("/ws", { Origin: "http://evil.example" })],
  ["names another Host", 421, handshake("/ws", { Host: "evil.example" })],
  ["has too many parameters", 400, handshake(`/ws?${"a&".repeat(1_001)}`)],
  ["its middleware refuses", 401, handshake("/refused")],
  ["its middleware fails", 500, handshake("/broken")],
  ["nobody answers in time", 503, handshake("/never")],
  ["finds the app full", 503, handshake("/sub/")],
  ["shows no token", 401, handshake("/admin/")],
];

async function answerTo(client: TestClient, text: string) {
  await using wire = await Wire.connect(client.url);
  wire.write(text);
  return await wire.head();
}

function assertSecure(headers: Map<string, string>, what: string, except: string[] = []): void {
  for (const [name, value] of SECURITY_HEADERS) {
    if (!except.includes(name))
      assert.equal(headers.get(name.toLowerCase()), value, `${what}: ${name}`);
  }
}

describe("every answer carries the security headers", () => {
  test("of plain HTTP, whoever gives it", async () => {
    const app = tree();
    app.on("error", () => {});
    await using client = await TestClient.start(app);
    for (const [kind, status, request] of http) {
      const head = await answerTo(client, request);
      assert.equal(head.status, status, kind);
      assertSecure(head.headers, kind);
    }
  });

  test("to a handshake that", async () => {
    const app = tree();
    app.on("error", () => {});
    await using client = await TestClient.start(app, { handshakeTimeoutMs: 1_000 });
    for (const [kind, status, request] of handshakes) {
      const head = await answerTo(client, request);
      assert.equal(head.status, status, kind);
      assertSecure(head.headers, kind);
    }
  });

  test("when time has run out, for want of room, and while the server drains", async () => {
    const app = tree();
    await using slow = await TestClient.start(app, { headersTimeoutMs: 50 });
    const late = await answerTo(slow, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    assert.equal(late.status, 408);
    assertSecure(late.headers, "slow headers");
    await slow.close();
    await using full = await TestClient.start(tree(), { maxConnections: 0 });
    const refused = await answerTo(full, handshake("/ws"));
    assert.equal(refused.status, 503);
    assertSecure(refused.headers, "no room");
  });

  test("also 304, and a body in chunks that grows too long", async () => {
    await using client = await TestClient.start(tree());
    const first = await answerTo(client, get("/"));
    const again = get("/", { "If-None-Match": String(first.headers.get("etag")) });
    const fresh = await answerTo(client, again);
    assert.equal(fresh.status, 304);
    assertSecure(fresh.headers, "304");
    await using small = await TestClient.start(tree(), { maxBodyBytes: 2 });
    const chunks =
      "POST /post HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    const long = await answerTo(small, chunks);
    assert.equal(long.status, 413);
    assertSecure(long.headers, "too long");
  });
});

test("what an app sets itself stays, and the rest is added", async () => {
  const app = new App().use((ctx) => {
    ctx.set("Content-Security-Policy", "default-src 'self'");
    ctx.set("Cross-Origin-Resource-Policy", "cross-origin");
    ctx.body = "own";
  });
  await using client = await TestClient.start(app);
  const { headers } = await answerTo(client, get("/"));
  assert.equal(headers.get("content-security-policy"), "default-src 'self'");
  assert.equal(headers.get("cross-origin-resource-policy"), "cross-origin");
  assertSecure(headers, "own", ["Content-Security-Policy", "Cross-Origin-Resource-Policy"]);
});

test("what is personal is kept by no cache, errors included; what is not says nothing of it", async () => {
  const app = tree();
  app.on("error", () => {});
  app.use((ctx, next) => {
    if (ctx.query.visit !== undefined) ctx.cookies.set("visit", "1");
    return next();
  });
  await using client = await TestClient.start(app);
  const bearer = { Authorization: `Bearer ${TOKEN}` };
  const personal = [
    get("/page?visit"),
    get("/page", { Cookie: "admin=1" }),
    get("/page", bearer),
    get("/throws", { Cookie: "admin=1" }),
    get("/admin/", bearer),
    requestText("/admin/ticket", { method: "POST", headers: bearer }),
    get("/tasks/"),
    get("/livez"),
  ];
  for (const request of personal) {
    const { headers } = await answerTo(client, request);
    assert.equal(headers.get("cache-control"), "no-store", request);
  }
  assert.equal((await answerTo(client, get("/page"))).headers.get("cache-control"), undefined);
  const file = await answerTo(client, get("/", { Cookie: "admin=1" }));
  assert.equal(file.headers.get("cache-control"), "no-cache");
});

test("a 101 has none of them: there is no document it could protect", async () => {
  await using client = await TestClient.start(tree());
  await using wire = await Wire.connect(client.url);
  const accepted = once(client.serving.upgrades, "accepted");
  wire.write(handshake("/ws"));
  const { status, headers } = await wire.head();
  assert.equal(status, 101);
  assert.equal(headers.get("content-security-policy"), undefined);
  await accepted;
});
