import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, type Context } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { readRootPath } from "../../../lib/context/root-path.ts";

const rootPath = "/api";

function told(ctx: Context): string {
  return JSON.stringify({
    mountPath: ctx.mountPath,
    path: ctx.path,
    link: ctx.urlFor("room", { id: 7 }),
  });
}

/** An app with a route of each kind, a redirect and a cookie. */
function rooms(): App {
  const app = new App();
  app.router.get("/told", (ctx) => {
    ctx.cookies.set("room", "7", { path: `${(ctx as unknown as Context).mountPath}/` });
    ctx.body = told(ctx as unknown as Context);
  });
  return app.websocket("/rooms/:id", { name: "room" }, async (socket, ctx) => {
    await socket.send(told(ctx));
  });
}

/** What a route and a handler of it are told, which must be the same but for the path. */
async function ask(client: TestClient, prefix: string) {
  const response = await client.fetch(`${prefix}/told`);
  const { mountPath, link } = JSON.parse(await response.text());
  const socket = await client.connect(`${prefix}/rooms/7`);
  assert.deepEqual(await socket.receiveJson(), { mountPath, path: "/rooms/7", link });
  const host = new URL(client.url).host;
  return {
    mountPath,
    link: link.replace(`ws://${host}`, ""),
    cookie: response.headers.get("set-cookie"),
  };
}

async function refusal(client: TestClient, path: string): Promise<string> {
  const refused = await client.connect(path).catch((error: unknown) => error);
  assert.ok(refused instanceof HandshakeRefused);
  return refused.body;
}

describe("the root path", () => {
  for (const [what, root, prefix] of [
    ["of an App", () => rooms(), ""],
    ["of a mount", () => new App().mount("/chat", rooms()), "/chat"],
    [
      "of a mount in a mount",
      () => new App().mount("/a/:b", new App().mount("/chat", rooms())),
      "/a/x/chat",
    ],
    ["of an app under koa-mount", () => underKoaMount(), "/chat"],
  ] as const) {
    test(`is in mountPath, links and cookies' paths ${what}`, async () => {
      await using client = await TestClient.start(root(), { rootPath });
      assert.deepEqual(await ask(client, prefix), {
        mountPath: `/api${prefix}`,
        link: `/api${prefix}/rooms/7`,
        cookie: `room=7; path=/api${prefix}/; httponly`,
      });
    });
  }

  test("is in redirects and in the texts of refusals", async () => {
    for (const root of [new App().mount("/chat", rooms()), underKoaMount()]) {
      await using client = await TestClient.start(root, { rootPath });
      const response = await client.fetch("/chat?x=%2F");
      assert.deepEqual(
        [response.status, response.headers.get("location")],
        [307, "/api/chat/?x=%2F"],
      );
      assert.equal(await response.text(), "use /api/chat/?x=%2F");
      assert.match(await refusal(client, "/chat"), /connect to \/api\/chat\/$/);
    }
    await using client = await TestClient.start(new App().mount("/chat", rooms()), { rootPath });
    const slash = await client.fetch("/chat/told/");
    assert.equal(slash.headers.get("location"), "/api/chat/told");
  });

  test("is not matched: what the proxy does not strip is another path", async () => {
    await using client = await TestClient.start(rooms(), { rootPath });
    assert.equal((await client.fetch("/api/told")).status, 404);
    assert.equal((await client.fetch("/told")).status, 200);
  });

  test("is that of the server that was started last", async () => {
    const app = new App().mount("/chat", rooms());
    for (const [given, whole] of [
      ["/api/", "/api/chat"],
      ["/v1/%7Ex", "/v1/%7Ex/chat"],
      [undefined, "/chat"],
    ] as const) {
      await using client = await TestClient.start(
        app,
        given === undefined ? {} : { rootPath: given },
      );
      assert.equal((await ask(client, "/chat")).mountPath, whole);
    }
  });

  test("is on the context that an error of a handler is reported with", async () => {
    const chat = new App().websocket("/broken", (_socket) => {
      throw new Error("broken");
    });
    const reported = new Promise<Context>((resolve) => {
      chat.on("error", (_error, ctx) => resolve(ctx));
    });
    await using client = await TestClient.start(new App().mount("/chat", chat), { rootPath });
    await client.connect("/chat/broken");
    const { mountPath, path } = await reported;
    assert.deepEqual([mountPath, path], ["/api/chat", "/broken"]);
  });

  test("is a path of whole segments, or the server does not start", async () => {
    assert.equal(readRootPath("/"), "");
    for (const wrong of [
      "api",
      "/api//x",
      "/:api",
      "//evil.example",
      "/a b",
      "/..",
      "/api?x",
      "https://x/api",
    ]) {
      assert.equal(readRootPath(wrong), undefined, wrong);
      await assert.rejects(TestClient.start(new App(), { rootPath: wrong }), TypeError, wrong);
    }
  });
});

function underKoaMount(): Koa {
  return new Koa().use(koaMount("/chat", rooms()));
}
