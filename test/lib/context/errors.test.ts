import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, CloseError, type Context } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";

const SECRET = "postgres://admin:hunter2@db";

/** An app whose every path, for HTTP and in a handshake, throws. */
function throwing(error: unknown): App {
  const app = new App();
  app.router.get("/", () => Promise.reject(error));
  app.websocket(
    "/",
    () => Promise.reject(error),
    () => {},
  );
  app.websocket("/handler", () => Promise.reject(error));
  return app;
}

interface Fired {
  readonly app: string;
  readonly error: Error;
  readonly ctx: Context | undefined;
}

/** Listens for `error` on apps, by name. */
function listen(apps: Record<string, Koa>): Fired[] {
  const fired: Fired[] = [];
  for (const [app, each] of Object.entries(apps)) {
    each.on("error", (error, ctx) => fired.push({ app, error, ctx }));
  }
  return fired;
}

// A response that never comes must not hold the test.
const get = (client: TestClient, path: string) =>
  client.fetch(path, { signal: AbortSignal.timeout(2_000) });

const deadline = () => ({ signal: AbortSignal.timeout(2_000) });

const refusalOf = async (promise: Promise<unknown>): Promise<HandshakeRefused> => {
  const error = await promise.then(
    () => assert.fail("expected the handshake to be refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HandshakeRefused, String(error));
  return error;
};

describe("an error that a sub-app throws", () => {
  test("passes through the parent's try and catch, at every depth", async () => {
    const error = new Error(SECRET);
    const plain = new Koa().use(() => Promise.reject(error));
    const middle = new App().mount("/:id", throwing(error)).mount("/plain", plain);
    const root = new App().mount("/middle", middle);
    const caught: unknown[] = [];
    const catching =
      (name: string): Koa.Middleware =>
      async (ctx, next) => {
        try {
          await next();
        } catch (reason) {
          caught.push(name, reason, ctx.path);
          if (name === "middle") throw reason;
          ctx.status = 418;
          ctx.body = "handled";
        }
      };
    root.use(catching("root"));
    middle.use(catching("middle"));
    const fired = listen({ root, middle });
    await using client = await TestClient.start(root);
    for (const path of ["/middle/1/", "/middle/plain/"]) {
      const response = await get(client, path);
      assert.equal(response.status, 418);
      assert.equal(await response.text(), "handled");
      const below = path.replace("/middle", "");
      assert.deepEqual(caught.splice(0), ["middle", error, below, "root", error, path]);
    }
    const refused = await refusalOf(client.connect("/middle/1/"));
    assert.deepEqual([refused.status, refused.body], [418, "handled"]);
    assert.equal(fired.length, 0, "what somebody caught is nobody's error");
  });

  test("fires error once on the app that threw, with its context, when no middleware catches it", async () => {
    const error = new Error(SECRET);
    const inner = throwing(error);
    const middle = new App().mount("/:id", inner);
    const root = new App().mount("/middle", middle);
    const fired = listen({ root, middle, inner });
    await using client = await TestClient.start(root);
    const response = await get(client, "/middle/1/");
    assert.equal(response.status, 500);
    assert.equal(await response.text(), "Internal Server Error");
    const refused = await refusalOf(client.connect("/middle/1/"));
    assert.equal(refused.status, 500);
    assert.ok(!refused.body.includes(SECRET));
    assert.deepEqual(
      fired.map(({ app, error: each, ctx }) => [app, each === error, ctx?.app === inner]),
      [
        ["inner", true, true],
        ["inner", true, true],
      ],
    );
    assert.equal(fired[0]?.ctx?.mountPath, "/middle/1");
  });

  test("fires on the nearest app above that listens, when its own does not", async () => {
    const inner = throwing(new Error(SECRET));
    const between = new App().mount("/inner", inner);
    const middle = new App().mount("/between", between);
    const root = new App().mount("/middle", middle);
    const fired = listen({ root, middle });
    await using client = await TestClient.start(root);
    await get(client, "/middle/between/inner/");
    assert.deepEqual(
      fired.map(({ app, ctx }) => [app, ctx?.app === middle]),
      [["middle", true]],
    );
  });

  test("fires on the root when only the root listens", async () => {
    const root = new App().mount("/a", new App().mount("/:b", throwing(new Error(SECRET))));
    const fired = listen({ root });
    await using client = await TestClient.start(root);
    await get(client, "/a/b/");
    assert.deepEqual(
      fired.map(({ app }) => app),
      ["root"],
    );
  });

  test("fires on a mounted plain Koa app too", async () => {
    const plain = new Koa().use(() => Promise.reject(new Error(SECRET)));
    const root = new App().mount("/plain", plain);
    const fired = listen({ root, plain });
    await using client = await TestClient.start(root);
    assert.equal((await get(client, "/plain/")).status, 500);
    assert.deepEqual(
      fired.map(({ app }) => app),
      ["plain"],
    );
  });

  test("fires on the parent when the parent threw another in its place, or after it", async () => {
    const sub = throwing(new Error("from below"));
    sub.router.get("/fine", (ctx) => {
      ctx.body = "fine";
    });
    const root = new App().mount("/sub", sub);
    root.use(async (_ctx, next) => {
      await next().catch((cause: unknown) => {
        throw new Error("from above", { cause });
      });
      throw new Error("afterwards");
    });
    const fired = listen({ root, sub });
    await using client = await TestClient.start(root);
    await get(client, "/sub/");
    await get(client, "/sub/fine");
    assert.deepEqual(
      fired.map(({ app, error }) => [app, error.message]),
      [
        ["root", "from above"],
        ["root", "afterwards"],
      ],
    );
  });

  test("answers with its own status, message and headers where it exposes them", async () => {
    const teapot = Object.assign(new Error("I am a teapot"), {
      status: 418,
      expose: true,
      headers: { "X-Pot": "tea" },
    });
    const sub = throwing(teapot);
    const root = new App().mount("/sub", sub);
    const fired = listen({ sub, root });
    await using client = await TestClient.start(root);
    const response = await get(client, "/sub/");
    assert.equal(response.status, 418);
    assert.equal(response.headers.get("x-pot"), "tea");
    assert.equal(await response.text(), "I am a teapot");
    const refused = await refusalOf(client.connect("/sub/"));
    assert.deepEqual([refused.status, refused.body], [418, "I am a teapot"]);
    assert.deepEqual(
      fired.map(({ app }) => app),
      ["sub", "sub"],
    );
  });

  test("fires once and answers 500 even when it is no Error", async () => {
    for (const odd of ["text", 42, {}, Symbol("odd")]) {
      const sub = throwing(odd);
      const root = new App().mount("/sub", sub);
      const fired = listen({ root, sub });
      await using client = await TestClient.start(root);
      assert.equal((await get(client, "/sub/")).status, 500, String(odd));
      assert.equal(fired.length, 1, String(odd));
      assert.ok(fired[0]?.error instanceof Error);
    }
  });

  test("does not mix responses up when it is one object, thrown in many requests at once", async () => {
    const shared = new Error(SECRET);
    const one = throwing(shared);
    const two = throwing(shared);
    const root = new App().mount("/one", one).mount("/orgs/:org", new App().mount("/two", two));
    const waiting: (() => void)[] = [];
    // All of them are on their way up when the first arrives.
    const together = async () => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 20) for (const each of waiting.splice(0)) each();
      });
    };
    root.use(async (ctx, next) => {
      ctx.set("X-Request", String(ctx.query.id));
      try {
        await next();
      } catch (error) {
        await together();
        throw error;
      }
    });
    const fired = listen({ root, one, two });
    await using client = await TestClient.start(root);
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        const base = id % 2 ? "/one" : `/orgs/${id}/two`;
        if (id % 5 === 0) return (await refusalOf(client.connect(`${base}/?id=${id}`))).status;
        const response = await get(client, `${base}/?id=${id}`);
        assert.equal(await response.text(), "Internal Server Error");
        return response.status;
      }),
    );
    assert.deepEqual(statuses, Array(20).fill(500));
    assert.equal(fired.length, 20, "each request fires once");
    const ids = fired.map(({ ctx }) => Number(ctx?.query.id)).sort((a, b) => a - b);
    assert.deepEqual(
      ids,
      Array.from({ length: 20 }, (_, id) => id),
      "each with its own request",
    );
  });

  test("fires on the app of each request when one object is thrown in one after the other", async () => {
    const shared = new Error(SECRET);
    const one = throwing(shared);
    const two = throwing(shared);
    const root = new App().mount("/one", one).mount("/two", two);
    root.router.get("/", () => Promise.reject(shared));
    const fired = listen({ root, one, two });
    await using client = await TestClient.start(root);
    for (const path of ["/one/", "/two/", "/", "/one/"]) await get(client, path);
    assert.deepEqual(
      fired.map(({ app, ctx }) => `${app} ${ctx?.originalUrl}`),
      ["one /one/", "two /two/", "root /", "one /one/"],
    );
  });

  test("fires once where an app of ours is inside plain Koa", async () => {
    const sub = new App().mount("/inner", throwing(new Error(SECRET)));
    const plain = new Koa().use(koaMount("/sub", sub));
    const fired = listen({ plain });
    await using client = await TestClient.start(plain);
    assert.equal((await get(client, "/sub/inner/")).status, 500);
    assert.deepEqual(
      fired.map(({ error }) => error.message),
      [SECRET],
    );
  });
});

describe("an error that a WebSocket handler throws", () => {
  test("fires once, whole and with its context, and the client sees 1011 and no internals", async () => {
    const error = new Error(SECRET);
    const inner = throwing(error);
    const root = new App().mount("/a", new App().mount("/:b", inner));
    const fired = listen({ root, inner });
    await using client = await TestClient.start(root);
    const socket = await client.connect("/a/b/handler");
    const { code, reason } = await socket.closed();
    assert.equal(code, 1011);
    assert.ok(!reason.includes(SECRET));
    assert.deepEqual(
      fired.map(({ app, error: each, ctx }) => [app, each === error, ctx?.mountPath, ctx?.path]),
      [["inner", true, "/a/b", "/handler"]],
    );
  });

  test("does not reach the parent's middleware, whose request ended with the handshake", async () => {
    const sub = throwing(new Error(SECRET));
    const root = new App().mount("/sub", sub);
    const seen: unknown[] = [];
    root.use(async (ctx, next) => {
      await next().catch((error: unknown) => seen.push(error));
      seen.push(ctx.status);
    });
    sub.on("error", () => {});
    await using client = await TestClient.start(root);
    assert.equal((await (await client.connect("/sub/handler")).closed()).code, 1011);
    assert.deepEqual(seen, [101]);
  });

  test("fires on the nearest app above that listens, plain Koa included", async () => {
    const middle = new App().mount("/inner", throwing(new Error(SECRET)));
    const root = new App().mount("/middle", middle);
    const fired = listen({ root, middle });
    await using client = await TestClient.start(root);
    await (await client.connect("/middle/inner/handler")).closed();
    assert.deepEqual(
      fired.map(({ app }) => app),
      ["middle"],
    );
    const plain = new Koa().use(koaMount("/sub", throwing(new Error(SECRET))));
    const inPlain = listen({ plain });
    await using other = await TestClient.start(plain);
    await (await other.connect("/sub/handler")).closed();
    assert.equal(inPlain.length, 1);
  });

  test("fires as an Error whatever was thrown", async () => {
    const sub = throwing("text");
    const root = new App().mount("/sub", sub);
    const fired = listen({ sub });
    await using client = await TestClient.start(root);
    assert.equal((await (await client.connect("/sub/handler")).closed()).code, 1011);
    assert.ok(fired[0]?.error instanceof Error);
    assert.match(fired[0]?.error.message, /text/);
  });

  test("does not fire for a close error, which says how to close", async () => {
    const sub = throwing(new CloseError(4001, "come back later"));
    const root = new App().mount("/sub", sub);
    const fired = listen({ root, sub });
    await using client = await TestClient.start(root);
    const closed = await (await client.connect("/sub/handler")).closed();
    assert.deepEqual(closed, { code: 4001, reason: "come back later" });
    assert.equal(fired.length, 0);
  });

  test("is not noticed by the connections beside it", async () => {
    const sub = new App();
    sub.websocket("/", async (socket) => {
      for await (const text of socket) {
        if (text === "break") throw new Error(SECRET);
        await socket.send(text);
      }
    });
    const root = new App().mount("/sub", sub);
    const firing = once(sub, "error", deadline());
    await using client = await TestClient.start(root);
    const [bad, good] = [await client.connect("/sub/"), await client.connect("/sub/")];
    bad.send("break");
    assert.equal((await bad.closed()).code, 1011);
    await firing;
    good.send("still here");
    assert.equal(await good.receive(), "still here");
  });
});

test("an error of our app inside a plain Koa app fires on ours, once, when it listens", async () => {
  const koa = new Koa();
  const app = new App();
  const fired: string[] = [];
  koa.on("error", () => fired.push("plain"));
  app.on("error", () => fired.push("ours"));
  app.router.get("/", () => {
    throw new Error("broken");
  });
  koa.use(koaMount("/app", app));
  await using client = await TestClient.start(koa);
  assert.equal((await client.fetch("/app/")).status, 500);
  assert.deepEqual(fired, ["ours"]);
});

test("a rejection with nothing answers a handshake to a plain Koa app 500 at once", async () => {
  const koa = new Koa();
  koa.silent = true;
  koa.use(() => Promise.reject());
  await using client = await TestClient.start(koa);
  await assert.rejects(client.connect("/"), { name: "HandshakeRefused", status: 500 });
});

test("a rejection with nothing is answered 500 all the same", async () => {
  const app = new App();
  app.on("error", () => {});
  app.use(() => Promise.reject());
  await using client = await TestClient.start(app);
  assert.equal((await client.fetch("/")).status, 500);
});
