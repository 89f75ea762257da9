import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import Router from "koa-router";
import { App, type Context } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";

/** Answers every GET below with what `read` finds in its context, as JSON. */
function reading(read: (ctx: Context) => unknown): App {
  const app = new App();
  app.router.get("/{*any}", (ctx) => {
    ctx.body = JSON.stringify(read(ctx as unknown as Context)) ?? "undefined";
  });
  return app;
}

/** What comes out of a promise that a handler resolves, within two seconds. */
function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const value = new Promise<T>((settle) => {
    resolve = settle;
  });
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("expected a value within 20 s")), 20_000);
  });
  const promise = Promise.race([value, late]).finally(() => clearTimeout(timer));
  return { promise, resolve };
}

/** A server behind two proxies, the nearer one on this machine. */
const PROXIED = { trustProxy: ["loopback", "10.0.0.1"], allowedHosts: ["public.example"] };

const json = async (client: TestClient, path: string, init?: RequestInit) =>
  (await client.fetch(path, init)).json() as Promise<unknown>;

describe("the context of a mounted app", () => {
  test("has the app itself as ctx.app, at every depth, and the parent keeps its own", async () => {
    const seen: Koa[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push(ctx.app);
      await next();
      seen.push(ctx.app);
    };
    const inner = new App();
    const middle = new App();
    const root = new App();
    const plain = new Koa();
    for (const app of [root, middle, inner, plain]) app.use(note);
    root.mount("/middle", middle);
    middle.mount("/:id", inner);
    inner.mount("/plain", plain);
    await using client = await TestClient.start(root);
    await client.fetch("/middle/1/plain/");
    assert.deepEqual(
      seen.map((app) => [root, middle, inner, plain].indexOf(app as App)),
      [0, 1, 2, 3, 3, 2, 1, 0],
    );
  });

  test("inherits what the parent's middleware put on it, for HTTP and WebSocket", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = `${ctx.state.trace} ${ctx.user.name}`;
    });
    sub.websocket("/", async (socket, ctx) => {
      await socket.send(`${ctx.state.trace} ${ctx.user.name}`);
    });
    const root = new App().mount("/a", new App().mount("/:b", sub));
    root.use((ctx, next) => {
      ctx.state.trace = "t1";
      ctx.user = { name: "Ada" };
      return next();
    });
    await using client = await TestClient.start(root);
    assert.equal(await (await client.fetch("/a/b/")).text(), "t1 Ada");
    assert.equal(await (await client.connect("/a/b/")).receive(), "t1 Ada");
  });

  test("inherits what an app above that makes its own contexts has put on it", async () => {
    class Traced extends App {
      override createContext(...args: Parameters<App["createContext"]>): never {
        return Object.assign(super.createContext(...args), { trace: "t1" }) as never;
      }
    }
    const app = new Traced();
    const sub = new App();
    app.mount("/sub", sub);
    sub.mount(
      "/deep",
      reading((ctx) => ctx.trace),
    );
    sub.websocket("/", (socket, ctx) => void socket.send(String(ctx.trace)));
    await using client = await TestClient.start(app);
    assert.equal(await json(client, "/sub/deep/"), "t1");
    assert.equal(await (await client.connect("/sub/")).receive(), "t1");
  });

  test("inherits what a plain Koa app above it has put on it", async () => {
    const koa = new Koa();
    koa.use((ctx, next) => {
      ctx.user = "anna";
      return next();
    });
    const sub = reading((ctx) => ctx.user);
    sub.websocket("/", (socket, ctx) => void socket.send(String(ctx.user)));
    koa.use(koaMount("/sub", sub));
    await using client = await TestClient.start(koa);
    assert.equal(await json(client, "/sub/read"), "anna");
    assert.equal(await (await client.connect("/sub/")).receive(), "anna");
  });

  test("has what the middleware of its route has put on it", async () => {
    const app = new App();
    const known = (ctx: Context, next: Koa.Next) => {
      ctx.user = "anna";
      return next();
    };
    app.websocket("/", known, (socket, ctx) => void socket.send(String(ctx.user)));
    await using client = await TestClient.start(app);
    assert.equal(await (await client.connect("/")).receive(), "anna");
  });

  test("shares ctx.state both ways, and keeps its own properties to itself", async () => {
    const sub = new App();
    sub.use((ctx, next) => {
      ctx.state.from = "below";
      ctx.user = "replaced below";
      return next();
    });
    const root = new App().mount("/sub", sub);
    root.use(async (ctx, next) => {
      ctx.user = "the parent's";
      await next();
      ctx.body = { from: ctx.state.from, user: ctx.user };
    });
    await using client = await TestClient.start(root);
    assert.deepEqual(await json(client, "/sub/"), { from: "below", user: "the parent's" });
  });

  test("signs and verifies cookies with the parent's keys", async () => {
    const sub = new App();
    sub.router.get("/set", (ctx) => {
      ctx.cookies.set("session", "s1", { signed: true });
      ctx.body = "set";
    });
    sub.router.get("/get", (ctx) => {
      ctx.body = ctx.cookies.get("session", { signed: true }) ?? "forged";
    });
    const root = new App({ keys: ["the root's"] }).mount("/a", new App().mount("/:b", sub));
    root.router.get("/get", (ctx) => {
      ctx.body = ctx.cookies.get("session", { signed: true }) ?? "forged";
    });
    await using client = await TestClient.start(root);
    const cookies = (await client.fetch("/a/b/set")).headers.getSetCookie();
    const Cookie = cookies.map((cookie) => cookie.split(";", 1)[0]).join("; ");
    assert.match(Cookie, /session\.sig=/);
    const get = async (path: string, headers: Record<string, string>) =>
      (await client.fetch(path, { headers })).text();
    assert.equal(await get("/a/b/get", { Cookie }), "s1");
    assert.equal(await get("/get", { Cookie }), "s1");
    assert.equal(await get("/a/b/get", { Cookie: Cookie.replace("=s1", "=s2") }), "forged");
  });

  for (const touched of [false, true]) {
    const when = touched ? "even when the parent has used cookies before it" : "where it has some";
    test(`signs with its own keys ${when}`, async () => {
      const set: Koa.Middleware = (ctx) => {
        ctx.cookies.set("session", "s1", { signed: true });
        ctx.body = "set";
      };
      const root = new App({ keys: ["the root's"] });
      root.use((ctx, next) => {
        if (touched) ctx.cookies.get("other", { signed: true });
        return next();
      });
      root.mount("/own", new App({ keys: ["the sub-app's"] }).use(set));
      root.mount("/same", new App({ keys: ["the root's"] }).use(set));
      root.mount("/inherited", new App().use(set));
      root.mount(
        "/without",
        new App().mount("/own", new App({ keys: ["the sub-app's"] }).use(set)),
      );
      await using client = await TestClient.start(root);
      const signed = async (path: string) =>
        (await client.fetch(path)).headers.getSetCookie().join("\n");
      assert.equal(await signed("/same/"), await signed("/inherited/"));
      assert.notEqual(await signed("/own/"), await signed("/inherited/"));
      assert.equal(await signed("/without/own/"), await signed("/own/"));
    });
  }

  test("reads ctx.ip, ctx.secure and ctx.host by the root's proxy setting", async () => {
    const read = () => reading(({ ip, secure, host }) => ({ ip, secure, host }));
    const headers = {
      "X-Forwarded-For": "203.0.113.7, 10.0.0.1",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "public.example",
    };
    await using behind = await TestClient.start(new App().mount("/a", read()), PROXIED);
    assert.deepEqual(await json(behind, "/a/", { headers }), {
      ip: "203.0.113.7",
      secure: true,
      host: "public.example",
    });
    const sub = read();
    sub.proxy = true;
    await using open = await TestClient.start(new App().mount("/a", sub));
    const seen = (await json(open, "/a/", { headers })) as Record<string, unknown>;
    assert.equal(seen.secure, false);
    assert.match(String(seen.ip), /127\.0\.0\.1$/);
  });

  test("has the additions to app.context of its own app and those above, never those below", async () => {
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

  test("has what middleware that was put before all others has put on it", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify((ctx as unknown as { user: string }).user);
    });
    const root = new App().mount("/sub", sub);
    root.middleware.unshift((ctx, next) => {
      ctx.user = "ada";
      return next();
    });
    await using client = await TestClient.start(root);
    assert.equal(await json(client, "/sub/"), "ada");
  });

  test("has parameters that middleware may add to, and shares them with no other request", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify(ctx.params);
    });
    // As a koa-router of somebody else's does.
    const add: Koa.Middleware = (ctx, next) => {
      if (ctx.query.user) ctx.params.user = ctx.query.user;
      return next();
    };
    const plain = new Koa().use(add).use((ctx) => {
      ctx.body = JSON.stringify(ctx.params);
    });
    const root = new App().mount("/plain", plain).mount("/guarded", new App().mount("/sub", sub));
    const above = new App().mount("/", root);
    above.use(add);
    await using client = await TestClient.start(above);
    for (const path of ["/plain/", "/guarded/sub/"]) {
      assert.deepEqual(await json(client, `${path}?user=ada`), { user: "ada" });
      assert.deepEqual(await json(client, path), {});
    }
    await using alone = await TestClient.start(new App().mount("/plain", plain));
    assert.deepEqual(await json(alone, "/plain/?user=ada"), { user: "ada" });
    assert.deepEqual(await json(alone, "/plain/"), {});
  });

  test("can take the response over with ctx.respond = false", async () => {
    const sub = new App();
    sub.use((ctx) => {
      ctx.respond = false;
      // After the middleware has returned, when Koa would have answered 404.
      setImmediate(() => {
        ctx.res.writeHead(203, { "Content-Type": "text/plain" });
        ctx.res.end("written by hand");
      });
    });
    const plain = new Koa().use((ctx) => {
      ctx.respond = false;
      setImmediate(() => {
        ctx.res.statusCode = 200;
        ctx.res.end("by a plain app");
      });
    });
    const root = new App().mount("/a", new App().mount("/:b", sub)).mount("/plain", plain);
    await using client = await TestClient.start(root);
    const response = await client.fetch("/a/b/");
    assert.equal(response.status, 203);
    assert.equal(await response.text(), "written by hand");
    assert.equal(await (await client.fetch("/plain/")).text(), "by a plain app");
  });

  test("gives its response to the parent, which sees it after next() and may change it", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.status = 201;
      ctx.set("X-Sub", "set below");
      ctx.body = "from below";
    });
    const seen: unknown[] = [];
    const root = new App().mount("/a", new App().mount("/:b", sub));
    root.use(async (ctx, next) => {
      await next();
      seen.push(ctx.status, ctx.response.get("X-Sub"), ctx.body);
      ctx.status = 202;
      ctx.set("X-Sub", "changed above");
      ctx.body = `${ctx.body}, changed above`;
    });
    await using client = await TestClient.start(root);
    const response = await client.fetch("/a/b/");
    assert.deepEqual(seen, [201, "set below", "from below"]);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-sub"), "changed above");
    assert.equal(await response.text(), "from below, changed above");
  });

  test("lets the parent turn a sub-app's 404 into a page of its own after next()", async () => {
    const root = new App().mount("/sub", new App());
    root.use(async (ctx, next) => {
      await next();
      if (ctx.status === 404) ctx.body = "nothing here";
    });
    await using client = await TestClient.start(root);
    const response = await client.fetch("/sub/unknown");
    assert.equal(await response.text(), "nothing here");
  });

  test("has the whole prefix so far in ctx.mountPath, and the parent keeps its own", async () => {
    const seen: string[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push(ctx.mountPath);
      await next();
      seen.push(ctx.mountPath);
    };
    const inner = new App();
    const middle = new App();
    const root = new App();
    for (const app of [root, middle, inner]) app.use(note);
    root.mount("/orgs/:org", middle);
    middle.mount("/a/b", inner);
    inner.mount(
      "/",
      reading((ctx) => ctx.mountPath),
    );
    await using client = await TestClient.start(root);
    const whole = "/orgs/caf%c3%a9/a/b";
    assert.equal(await json(client, `${whole}/x`), whole);
    assert.deepEqual(seen, ["", "/orgs/caf%c3%a9", whole, whole, "/orgs/caf%c3%a9", ""]);
  });

  test("has the parameters of every prefix above and of its route, decoded, the nearest first", async () => {
    const inner = new App();
    inner.router.get("/:leaf/:same", (ctx) => {
      ctx.body = ctx.params;
    });
    inner.websocket("/:leaf/:same", async (socket, ctx) => {
      await socket.send(JSON.stringify(ctx.params));
    });
    const seen: unknown[] = [];
    const note: Koa.Middleware = async (ctx, next) => {
      seen.push({ ...ctx.params });
      await next();
      seen.push({ ...ctx.params });
    };
    const middle = new App().mount("/:team", inner);
    const root = new App().mount("/:org/:same", middle);
    for (const app of [root, middle, inner]) app.use(note);
    await using client = await TestClient.start(root);
    const params = { org: "acme", same: "leaf's", team: "a/b", leaf: "caf\u00e9" };
    assert.deepEqual(await json(client, "/acme/mount's/a%2Fb/caf%C3%A9/leaf's"), params);
    const first = { org: "acme", same: "mount's" };
    const second = { ...first, team: "a/b" };
    assert.deepEqual(seen.slice(0, 3), [{}, first, second]);
    assert.deepEqual(seen.slice(4), [first, {}], "a parent's parameters are its own");
    const socket = await client.connect("/acme/mount's/a%2Fb/caf%C3%A9/leaf's");
    assert.deepEqual(await socket.receiveJson(), params);
  });

  test("is not confused by a router that the parent's middleware ran before", async () => {
    const before = new Router();
    before.get("/:first/{*rest}", (ctx, next) => {
      ctx.state.first = ctx.params.first;
      return next();
    });
    before.post("/sub/page", (_ctx, next) => next());
    const sub = new App();
    sub.router.get("/page", (ctx) => {
      ctx.body = `page after ${ctx.state.first}`;
    });
    sub.websocket("/page", async (socket, ctx) => {
      await socket.send(`socket after ${ctx.state.first}`);
    });
    const root = new App().mount("/sub", sub);
    root.use(before.routes() as unknown as Koa.Middleware);
    await using client = await TestClient.start(root);
    assert.equal(await (await client.fetch("/sub/page")).text(), "page after sub");
    assert.equal(await (await client.connect("/sub/page")).receive(), "socket after sub");
    assert.equal((await client.fetch("/sub/unknown")).status, 404);
    const refused = await client.fetch("/sub/page", { method: "DELETE" });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get("allow"), "HEAD, GET", "not what the parent's router has");
  });
});

describe("ctx.urlFor", () => {
  function linked(): App {
    const app = new App();
    app.router.get("page", "/pages/:page", (ctx) => {
      const { name = "", ...params } = ctx.query as Record<string, string>;
      try {
        ctx.body = JSON.stringify((ctx as unknown as Context).urlFor(name, params));
      } catch (error) {
        ctx.body = JSON.stringify(`refused: ${(error as Error).message}`);
      }
    });
    app.router.get("home", "/", () => {});
    app.websocket("/rooms/:room", { name: "room" }, () => {});
    return app;
  }

  test("gives a path with every prefix for an HTTP route", async () => {
    const root = new App().mount("/a", new App().mount("/orgs/:org", linked()));
    await using client = await TestClient.start(root);
    const base = "/a/orgs/caf%C3%A9";
    assert.equal(await json(client, `${base}/pages/1?name=page&page=2`), `${base}/pages/2`);
    assert.equal(await json(client, `${base}/pages/1?name=home`), `${base}/`);
    const link = await json(client, `${base}/pages/1?name=page&page=a%2Fb%3F`);
    assert.equal(link, `${base}/pages/a%2Fb%3F`);
    assert.equal((await client.fetch(String(link))).status, 200, "the link leads to its route");
  });

  test("gives a ws URL with every prefix for a WebSocket route, wss where the client used TLS", async () => {
    const root = new App().mount("/a", new App().mount("/orgs/:org", linked()));
    await using client = await TestClient.start(root, PROXIED);
    const path = "/a/orgs/acme/pages/1?name=room&room=1";
    const { host } = new URL(client.url);
    assert.equal(await json(client, path), `ws://${host}/a/orgs/acme/rooms/1`);
    const headers = { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example" };
    assert.equal(await json(client, path, { headers }), "wss://public.example/a/orgs/acme/rooms/1");
  });

  test("gives the link of an app that stands alone, at / or inside plain Koa", async () => {
    for (const [root, base] of [
      [linked(), ""],
      [new App().mount("/", linked()), ""],
      [new Koa().use(koaMount("/koa", linked())), "/koa"],
    ] as const) {
      await using client = await TestClient.start(root);
      assert.equal(await json(client, `${base}/pages/1?name=page&page=2`), `${base}/pages/2`);
    }
  });

  test("finds a route of an app above, with that app's prefix, its own first", async () => {
    const inner = linked();
    const middle = new App().mount("/inner", inner);
    middle.router.get("above", "/above/:x", () => {});
    middle.router.get("home", "/not-this-home", () => {});
    const root = new App().mount("/middle", middle);
    root.websocket("/top", { name: "top" }, () => {});
    await using client = await TestClient.start(root);
    const base = "/middle/inner/pages/1";
    assert.equal(await json(client, `${base}?name=above&x=1`), "/middle/above/1");
    assert.equal(await json(client, `${base}?name=home`), "/middle/inner/");
    assert.match(String(await json(client, `${base}?name=top`)), /^ws:\/\/[^/]+\/top$/);
  });

  test("works for middleware and for a plain Koa app below", async () => {
    const plain = new Koa().use((ctx) => {
      ctx.body = JSON.stringify((ctx as unknown as Context).urlFor("home"));
    });
    const root = new App().mount("/sub", linked().mount("/plain", plain));
    await using client = await TestClient.start(root);
    assert.equal(await json(client, "/sub/plain/"), "/sub/");
  });

  test("refuses an unknown name, a route below or beside, and a missing parameter", async () => {
    const beside = new App();
    beside.router.get("beside", "/beside", () => {});
    const root = new App().mount("/sub", linked()).mount("/beside", beside);
    await using client = await TestClient.start(root);
    for (const name of ["nowhere", "beside", "constructor", ""]) {
      const refused = String(await json(client, `/sub/pages/1?name=${name}`));
      assert.match(refused, /refused: expected the name of a route/, name);
      assert.ok(refused.includes(`"${name}"`), refused);
    }
    assert.match(String(await json(client, "/sub/pages/1?name=room")), /refused: .*room/);
  });

  test("works in a handler after its handshake", async () => {
    const app = linked();
    app.websocket("/links", async (socket, ctx) => {
      for await (const name of socket) await socket.send(ctx.urlFor(name, { room: 1, page: 2 }));
    });
    await using client = await TestClient.start(new App().mount("/orgs/:org", app));
    const socket = await client.connect("/orgs/acme/links");
    socket.send("page");
    assert.equal(await socket.receive(), "/orgs/acme/pages/2");
    socket.send("room");
    assert.equal(await socket.receive(), `ws://${new URL(client.url).host}/orgs/acme/rooms/1`);
  });
});

describe("what a WebSocket handler reads of its request", () => {
  const read = (ctx: Context) => ({
    path: ctx.path,
    url: ctx.url,
    rawUrl: ctx.req.url,
    originalUrl: ctx.originalUrl,
    href: ctx.href,
    mountPath: ctx.mountPath,
    params: { ...ctx.params },
    query: { ...ctx.query },
    querystring: ctx.querystring,
    ip: ctx.ip,
    agent: ctx.get("User-Agent"),
    requestPath: ctx.request.path,
    requestIp: ctx.request.ip,
  });

  const setUps = [
    ["under a literal mount", "/ws", (sub: Koa) => new App().mount("/ws", sub)],
    ["under a parameterised mount", "/orgs/acme", (sub: Koa) => new App().mount("/orgs/:org", sub)],
    [
      "three deep",
      "/a/b/c",
      (sub: Koa) => new App().mount("/a", new App().mount("/:b", new App().mount("/c", sub))),
    ],
    ["inside plain Koa", "/ws", (sub: Koa) => new Koa().use(koaMount("/ws", sub))],
  ] as const;

  for (const [where, base, mountIn] of setUps) {
    test(`is what it was at the handshake, after the client has gone too, ${where}`, async () => {
      const ended = promised<unknown[]>();
      const atHandshake = promised<unknown>();
      const sub = new App();
      sub.websocket(
        "/rooms/:room",
        (ctx, next) => {
          atHandshake.resolve(read(ctx));
          return next();
        },
        async (socket, ctx) => {
          const seen: unknown[] = [read(ctx)];
          await socket.send("ready");
          for await (const _ of socket) seen.push(read(ctx));
          seen.push(read(ctx));
          ended.resolve(seen);
        },
      );
      const root = mountIn(sub);
      const parent = promised<string[]>();
      const front = new Koa().use(async (ctx, next) => {
        await next();
        parent.resolve([
          ctx.path,
          ctx.url,
          ctx.req.url ?? "",
          ctx.mountPath ?? "",
          ctx.originalUrl,
        ]);
        // A parent that reuses its request for something else must not reach the handler.
        ctx.path = "/moved";
      });
      // In front of what was there, whichever kind of app it is.
      if (root instanceof App) root.use(front.middleware[0] as Koa.Middleware);
      else root.middleware.unshift(front.middleware[0] as Koa.Middleware);
      await using client = await TestClient.start(root);
      const target = `${base}/rooms/caf%C3%A9?x=1&y=%2f`;
      const socket = await client.connect(target, { headers: { "User-Agent": "tester" } });
      assert.equal(await socket.receive(), "ready");
      const path = target.split("?")[0] ?? "";
      const [parentPath, parentUrl, parentRawUrl, , parentOriginal] = await parent.promise;
      assert.deepEqual(
        [parentPath, parentUrl, parentRawUrl, parentOriginal],
        [path, target, target, target],
        "the parent sees its own path again",
      );
      socket.send("again");
      await socket.close();
      const expected = await atHandshake.promise;
      const seen = await ended.promise;
      assert.equal(seen.length, 3);
      for (const each of seen) assert.deepEqual(each, expected);
      const { params, ...rest } = expected as ReturnType<typeof read>;
      assert.equal(params.room, "caf\u00e9");
      assert.deepEqual(rest, {
        path: "/rooms/caf%C3%A9",
        url: "/rooms/caf%C3%A9?x=1&y=%2f",
        rawUrl: "/rooms/caf%C3%A9?x=1&y=%2f",
        originalUrl: target,
        href: `${client.url.slice(0, -1)}${target}`,
        mountPath: base,
        query: { x: "1", y: "/" },
        querystring: "x=1&y=%2f",
        ip: rest.ip,
        agent: "tester",
        requestPath: "/rooms/caf%C3%A9",
        requestIp: rest.ip,
      });
      assert.match(rest.ip, /127\.0\.0\.1$/);
    });
  }

  for (const [where, base, mountIn] of setUps) {
    test(`is the handshake's even when it is read for the first time much later, ${where}`, async () => {
      const app = new App();
      app.websocket("/:room", async (socket, ctx) => {
        for await (const _ of socket)
          await socket.send(`${ctx.path} ${ctx.url} ${ctx.querystring}`);
      });
      await using client = await TestClient.start(mountIn(app));
      const socket = await client.connect(`${base}/1?x=2`);
      socket.send("where");
      assert.equal(await socket.receive(), "/1 /1?x=2 x=2");
    });
  }

  test("keeps ctx.ip after a client that vanished without a close", async () => {
    const ended = promised<string>();
    const app = new App();
    app.websocket("/", async (socket, ctx) => {
      await socket.send("ready");
      for await (const _ of socket);
      ended.resolve(ctx.ip);
    });
    await using client = await TestClient.start(new App().mount("/ws", app));
    const socket = await client.connect("/ws/");
    await socket.receive();
    socket.terminate();
    assert.match(await ended.promise, /127\.0\.0\.1$/);
  });

  test("is its own for each of two connections at once", async () => {
    const app = new App();
    app.websocket("/:room", async (socket, ctx) => {
      for await (const _ of socket) await socket.send(`${ctx.mountPath}${ctx.path}`);
    });
    await using client = await TestClient.start(new App().mount("/orgs/:org", app));
    const paths = ["/orgs/a/1", "/orgs/b/2", "/orgs/a/3"];
    const sockets = await Promise.all(paths.map((path) => client.connect(path)));
    for (const socket of sockets) socket.send("where");
    assert.deepEqual(await Promise.all(sockets.map((socket) => socket.receive())), paths);
  });

  test("includes its async-local store, whatever the middleware ran in before", async () => {
    const store = new AsyncLocalStorage<string>();
    const app = new App();
    app.websocket("/", async (socket) => {
      for await (const _ of socket) await socket.send(String(store.getStore()));
    });
    const root = new App().mount("/ws", app);
    root.use((ctx, next) => store.run(`request ${ctx.query.id}`, next));
    await using client = await TestClient.start(root);
    const sockets = await Promise.all([1, 2].map((id) => client.connect(`/ws/?id=${id}`)));
    for (const socket of sockets) socket.send("?");
    assert.deepEqual(await Promise.all(sockets.map((socket) => socket.receive())), [
      "request 1",
      "request 2",
    ]);
  });

  test("includes app.currentContext of the root and of its own app", async () => {
    const sub = new App({ asyncLocalStorage: true });
    const root = new App({ asyncLocalStorage: true }).mount("/ws", sub);
    const current = (app: App) => app.currentContext as Context | undefined;
    sub.websocket("/:room", async (socket, ctx) => {
      for await (const _ of socket) {
        const seen = [current(sub), current(root)].map((at) => at?.path);
        await socket.send(JSON.stringify([...seen, current(sub) === ctx]));
      }
    });
    const parent = promised<string | undefined>();
    root.use(async (_ctx, next) => {
      await next();
      parent.resolve(current(root)?.path);
    });
    await using client = await TestClient.start(root);
    const [one, two] = await Promise.all(["/ws/1", "/ws/2"].map((path) => client.connect(path)));
    for (const [socket, path] of [
      [one, "/1"],
      [two, "/2"],
    ] as const) {
      socket?.send("where");
      assert.deepEqual(await socket?.receiveJson(), [path, path, true]);
    }
    assert.match(String(await parent.promise), /^\/ws\/[12]$/);
  });

  test("includes app.currentContext where only the sub-app asked for it, HTTP as well", async () => {
    const sub = new App({ asyncLocalStorage: true });
    sub.router.get("/", (ctx) => {
      ctx.body = JSON.stringify([sub.currentContext?.path, sub.currentContext?.app === sub]);
    });
    sub.websocket("/", async (socket, ctx) => {
      await socket.send(JSON.stringify([sub.currentContext === ctx, ctx.app === sub]));
    });
    await using client = await TestClient.start(new App().mount("/ws", sub));
    assert.deepEqual(await json(client, "/ws/"), ["/", true]);
    assert.deepEqual(await (await client.connect("/ws/")).receiveJson(), [true, true]);
  });
});
