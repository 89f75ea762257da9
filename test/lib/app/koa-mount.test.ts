// What koa-mount documents and does for ordinary HTTP, side by side: the same apps once in our
// `mount`, literal and parameterised, and once in plain Koa through koa-mount.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { rawRequest, requestText } from "../../support/raw.ts";

interface SetUp {
  readonly name: string;
  readonly create: () => Koa;
  readonly mount: (root: Koa, prefix: string, app: Koa) => unknown;
}

const setUps: readonly SetUp[] = [
  {
    name: "koa-mount itself",
    create: () => new Koa(),
    mount: (root, prefix, app) => root.use(koaMount(prefix, app)),
  },
  {
    name: "our mount",
    create: () => new App(),
    mount: (root, prefix, app) => (root as App).mount(prefix, app),
  },
  {
    name: "our mount with a parameter as the last segment",
    create: () => new App(),
    mount: (root, prefix, app) =>
      (root as App).mount(prefix === "/" ? "/" : prefix.replace(/\/[^/]+$/, "/:last"), app),
  },
];

/** What an app under a prefix reads of its request. */
function reporter(): Koa {
  return new Koa().use(async (ctx) => {
    const { path, url, originalUrl, search, querystring, query, mountPath, href, method } = ctx;
    const rest = { rawUrl: ctx.req.url, originalOfRequest: ctx.request.originalUrl };
    ctx.body = {
      path,
      url,
      originalUrl,
      search,
      querystring,
      query,
      mountPath,
      href,
      method,
      ...rest,
    };
  });
}

async function report(client: TestClient, path: string, init?: RequestInit) {
  const response = await client.fetch(path, init);
  assert.equal(response.status, 200, path);
  return (await response.json()) as Record<string, unknown>;
}

for (const { name, create, mount } of setUps) {
  describe(`with ${name}, an app under a prefix`, () => {
    test("sees its path and url without the prefix, and the original url whole", async () => {
      const root = create();
      mount(root, "/blog", reporter());
      await using client = await TestClient.start(root);
      const seen = await report(client, "/blog/posts/1?page=2");
      assert.equal(seen.path, "/posts/1");
      assert.equal(seen.url, "/posts/1?page=2");
      assert.equal(seen.rawUrl, "/posts/1?page=2");
      assert.equal(seen.originalUrl, "/blog/posts/1?page=2");
      assert.equal(seen.originalOfRequest, "/blog/posts/1?page=2");
      assert.equal(seen.href, `${client.url}blog/posts/1?page=2`);
      assert.equal(seen.mountPath, "/blog");
      assert.equal((await report(client, "/blog/")).path, "/");
    });

    test("sees the query as it was sent", async () => {
      const root = create();
      mount(root, "/blog", reporter());
      await using client = await TestClient.start(root);
      const seen = await report(client, "/blog/?a=1&a=2&next=%2Fblog%2F&path=/blog");
      assert.equal(seen.querystring, "a=1&a=2&next=%2Fblog%2F&path=/blog");
      assert.equal(seen.search, "?a=1&a=2&next=%2Fblog%2F&path=/blog");
      assert.deepEqual(seen.query, { a: ["1", "2"], next: "/blog/", path: "/blog" });
    });

    test("loses the prefix once, from the front only", async () => {
      const root = create();
      mount(root, "/blog", reporter());
      await using client = await TestClient.start(root);
      assert.equal((await report(client, "/blog/blog/")).path, "/blog/");
      assert.equal((await report(client, "/blog/a/blog/b")).path, "/a/blog/b");
    });

    test("sees the encoding of its path as it was sent", async () => {
      const root = create();
      mount(root, "/blog", reporter());
      await using client = await TestClient.start(root);
      const port = Number(new URL(client.url).port);
      for (const path of ["/caf%C3%A9/%2F/%3Fa%23b", "/a%20b/$&/$1", "/100%", "/a//b"]) {
        const { body } = await rawRequest(port, requestText(`/blog${path}?q=%2f`));
        assert.equal(JSON.parse(body).path, path);
        assert.equal(JSON.parse(body).url, `${path}?q=%2f`);
      }
    });

    test("is not reached by a path that only begins with the same letters", async () => {
      const root = create();
      mount(root, "/docs/blog", reporter());
      await using client = await TestClient.start(root);
      for (const path of ["/docsblog/", "/docs/", "/", "/other/docs/blog/"]) {
        assert.equal((await client.fetch(path)).status, 404, path);
      }
    });

    test("leaves the parent its own path after next(), whatever it did to it", async () => {
      const root = create();
      const sub = new Koa().use((ctx) => {
        ctx.path = "/rewritten";
        ctx.body = ctx.path;
      });
      const seen: string[] = [];
      root.use(async (ctx, next) => {
        await next();
        seen.push(ctx.path, ctx.url, ctx.req.url ?? "", ctx.originalUrl);
      });
      mount(root, "/blog", sub);
      await using client = await TestClient.start(root);
      const response = await client.fetch("/blog/posts?page=2");
      assert.equal(await response.text(), "/rewritten");
      const whole = "/blog/posts?page=2";
      assert.deepEqual(seen, ["/blog/posts", whole, whole, whole]);
    });

    test("leaves the parent its own path when it throws", async () => {
      const root = create();
      const sub = new Koa().use(() => {
        throw new Error("from below");
      });
      root.use(async (ctx, next) => {
        try {
          await next();
        } catch (error) {
          ctx.body = `${(error as Error).message} at ${ctx.path}`;
        }
      });
      mount(root, "/blog", sub);
      await using client = await TestClient.start(root);
      assert.equal(await (await client.fetch("/blog/x")).text(), "from below at /blog/x");
    });

    test("loses one prefix after the other where mounts nest", async () => {
      const root = create();
      const middle = create();
      const seen: string[] = [];
      middle.use(async (ctx, next) => {
        seen.push(ctx.path);
        await next();
        seen.push(ctx.path);
      });
      mount(middle, "/inner", reporter());
      mount(root, "/outer", middle);
      await using client = await TestClient.start(root);
      const deep = await report(client, "/outer/inner/leaf?x=1");
      assert.equal(deep.path, "/leaf");
      assert.equal(deep.originalUrl, "/outer/inner/leaf?x=1");
      assert.deepEqual(seen, ["/inner/leaf", "/inner/leaf"]);
      // koa-mount tells an app its own prefix only; FastAPI's root_path, and ours, is the whole.
      assert.equal(deep.mountPath, name === "koa-mount itself" ? "/inner" : "/outer/inner");
    });

    test("runs its middleware around one another, as the hello and world example does", async () => {
      const root = create();
      for (const word of ["hello", "world"]) {
        const app = new Koa().use(async (ctx, next) => {
          await next();
          ctx.body = word;
        });
        // Two prefixes that end in a parameter must differ before it.
        mount(root, `/${word}/app`, app);
      }
      await using client = await TestClient.start(root);
      assert.equal((await client.fetch("/")).status, 404);
      // koa-mount answers the prefix itself; we redirect to it with its slash, as FastAPI does.
      for (const word of ["hello", "world"]) {
        const response = await client.fetch(`/${word}/app`, { redirect: "follow" });
        assert.equal(await response.text(), word);
      }
    });

    test("gets the method, the headers and the body of its request", async () => {
      const root = create();
      const sub = new Koa().use(async (ctx) => {
        let body = "";
        for await (const chunk of ctx.req) body += chunk;
        ctx.status = 201;
        ctx.set("X-Seen", ctx.get("X-Sent"));
        ctx.body = `${ctx.method} ${body}`;
      });
      mount(root, "/blog", sub);
      await using client = await TestClient.start(root);
      const init = { method: "PUT", body: "a post", headers: { "X-Sent": "header" } };
      const response = await client.fetch("/blog/posts", init);
      assert.equal(response.status, 201);
      assert.equal(response.headers.get("x-seen"), "header");
      assert.equal(await response.text(), "PUT a post");
    });

    test("at / sees every path as it is", async () => {
      const root = create();
      mount(root, "/", reporter());
      await using client = await TestClient.start(root);
      const seen = await report(client, "/any/path?x=1");
      assert.equal(seen.url, "/any/path?x=1");
    });
  });
}

describe("koa-mount inside an app of ours", () => {
  test("mounts middleware as ever, and hands on to routes and mounts with the path restored", async () => {
    const app = new App();
    app.use(
      koaMount("/blog", async (ctx: Koa.Context, next: Koa.Next) => {
        ctx.set("X-Inside", ctx.path);
        await next();
        ctx.set("X-Inside-After", ctx.path);
      }),
    );
    app.router.get("/blog/route", (ctx) => {
      ctx.body = ctx.path;
    });
    app.mount("/blog/app", reporter());
    await using client = await TestClient.start(app);
    const route = await client.fetch("/blog/route");
    assert.equal(await route.text(), "/blog/route");
    assert.equal(route.headers.get("x-inside"), "/route");
    assert.equal(route.headers.get("x-inside-after"), "/route");
    const mounted = await client.fetch("/blog/app/x");
    assert.equal(((await mounted.json()) as { path: string }).path, "/x");
    assert.equal(mounted.headers.get("x-inside"), "/app/x");
  });

  test("does not give a later mount its prefix for ctx.mountPath, nor links it twice", async () => {
    const app = new App();
    app.use(koaMount("/blog", (_ctx: Koa.Context, next: Koa.Next) => next()));
    const posts = new App().mount("/posts", reporter());
    posts.router.get("home", "/", (ctx) => {
      ctx.body = (ctx as unknown as Context).urlFor("home");
    });
    app.mount("/blog", posts);
    app.router.get("own", "/blog", (ctx) => {
      ctx.body = (ctx as unknown as Context).urlFor("own");
    });
    await using client = await TestClient.start(app);
    assert.equal(await (await client.fetch("/blog")).text(), "/blog");
    assert.equal(await (await client.fetch("/blog/")).text(), "/blog/");
    assert.equal((await report(client, "/blog/posts/1")).mountPath, "/blog/posts");
  });
});
