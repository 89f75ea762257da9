// Koa's option `compose`, and koa-mount's cascade, for an App as for a Koa app.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import Koa from "koa";
import koaCompose from "koa-compose";
import koaMount from "koa-mount";
import { App, attach } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { frame, handshake, Wire } from "../../support/wire.ts";

type Compose = typeof koaCompose;

/** As in Koa's own suite: it empties its list, passes no `next` on, and begins later. */
function emptying(counted: { dispatches: number }): Compose {
  return ((middleware: Koa.Middleware[]) => async (ctx: Koa.Context) => {
    await new Promise<void>((resolve) => {
      const dispatch = async (): Promise<void> => {
        counted.dispatches++;
        await middleware.shift()?.(ctx, dispatch);
        resolve();
      };
      setTimeout(() => void dispatch(), 0);
    });
  }) as unknown as Compose;
}

/** Runs the middleware in reverse, as one that is not koa-compose can be seen to. */
const reversed = ((middleware: Koa.Middleware[]) => {
  const last = middleware.at(-1) as Koa.Middleware;
  return koaCompose([...middleware.slice(0, -1).reverse(), last]);
}) as Compose;

async function served(koa: Koa): Promise<string> {
  const server = http.createServer(koa.callback());
  attach(server, koa);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function shake(url: string, path: string): Promise<string> {
  await using wire = await Wire.connect(url);
  wire.write(handshake(path), frame(1, "hi"));
  const { status } = await wire.head();
  if (status === 101) return (await wire.frame()).payload.toString();
  await wire.end();
  return `${status} ${wire.buffer}`;
}

describe("Koa's option compose", () => {
  test("composes an App's middleware as it does a Koa app's", async () => {
    for (const create of [
      (options: object) => new Koa(options),
      (options: object) => new App(options),
    ]) {
      const counted = { dispatches: 0 };
      const calls: number[] = [];
      const app = create({ compose: emptying(counted) });
      app.use(async (_ctx, next) => {
        calls.push(1);
        await next();
        calls.push(4);
      });
      app.use(async (_ctx, next) => {
        calls.push(2);
        await next();
        calls.push(3);
      });
      const response = await fetch(await served(app), { headers: { Connection: "close" } });
      assert.equal(response.status, 404);
      assert.deepEqual(calls, [1, 2, 3, 4]);
      assert.equal(counted.dispatches, 3);
    }
  });

  const apps: [string, (calls: string[]) => Koa][] = [
    ["an App's", (calls) => noting(new App({ compose: reversed }), calls)],
    [
      "an App's in an App",
      (calls) => new App().mount("/", noting(new App({ compose: reversed }), calls)),
    ],
    [
      "an App's in a plain Koa app",
      (calls) => new Koa().use(koaMount("/", noting(new App({ compose: reversed }), calls))),
    ],
    [
      "a plain Koa app's that has an App by koa-mount",
      (calls) => noting(new Koa({ compose: reversed } as object), calls),
    ],
  ];

  function noting(app: Koa, calls: string[]): Koa {
    for (const name of ["one", "two"]) {
      app.use((_ctx, next) => {
        calls.push(name);
        return next();
      });
    }
    if (app instanceof App) return echo(app);
    return app.use(koaMount("/", echo(new App())));
  }

  for (const [whose, create] of apps) {
    test(`is honoured for HTTP and handshakes alike: ${whose}`, async () => {
      const calls: string[] = [];
      const url = await served(create(calls));
      assert.equal(await (await fetch(`${url}/page`)).text(), "a page");
      assert.deepEqual(calls.splice(0), ["two", "one"]);
      assert.equal(await shake(url, "/ws"), "echo hi");
      assert.deepEqual(calls, ["two", "one"]);
    });
  }

  test("is honoured for a plain Koa app that is mounted, and sees middleware that comes later", async () => {
    const calls: string[] = [];
    const plain = new Koa({ compose: reversed } as object);
    const add = (name: string) =>
      plain.use(async (ctx, next) => {
        calls.push(name);
        ctx.body = "plain";
        await next();
      });
    add("one");
    add("two");
    add("last");
    await using client = await TestClient.start(new App().mount("/plain", plain));
    await client.fetch("/plain/");
    assert.deepEqual(calls.splice(0), ["two", "one", "last"]);
    add("later");
    await client.fetch("/plain/");
    assert.deepEqual(calls, ["last", "two", "one", "later"]);
  });
});

function echo(app: App): App {
  app.router.get("/page", (ctx) => {
    ctx.body = "a page";
  });
  return app.websocket("/ws", async (socket) => {
    for await (const text of socket) await socket.send(`echo ${text}`);
  });
}

describe("a path that an App under koa-mount in a plain Koa app does not serve", () => {
  test("goes on to the next middleware there, as in koa-mount's own suite", async () => {
    for (const create of [() => new Koa(), () => new App()]) {
      const [a, b] = [create(), create()];
      for (const [app, path, body] of [
        [a, "/hello", "Hello"],
        [b, "/world", "World"],
      ] as const) {
        app.use(async (ctx, next) => {
          await next();
          if (ctx.path === path) ctx.body = body;
        });
      }
      const url = await served(new Koa().use(koaMount(a)).use(koaMount(b)));
      assert.equal((await fetch(`${url}/`)).status, 404);
      assert.equal(await (await fetch(`${url}/hello`)).text(), "Hello");
      assert.equal(await (await fetch(`${url}/world`)).text(), "World");
    }
  });

  test("is served by another App, HTTP and handshakes each for itself", async () => {
    const one = new App().websocket("/one", (socket) => void socket.send("one"));
    one.router.get("/two", (ctx) => {
      ctx.body = "the page two";
    });
    one.websocket("/page", (socket) => void socket.send("page"));
    const two = echo(new App()).websocket("/two", (socket) => void socket.send("two"));
    const koa = new Koa().use(koaMount("/", one)).use(koaMount("/", two));
    const url = await served(koa);
    assert.equal(await shake(url, "/one"), "one");
    assert.equal(await shake(url, "/two"), "two");
    assert.equal(await shake(url, "/page"), "page");
    assert.equal(await shake(url, "/ws"), "echo hi");
    assert.equal(await (await fetch(`${url}/two`)).text(), "the page two");
    assert.equal(await (await fetch(`${url}/page`)).text(), "a page");
    assert.equal((await fetch(`${url}/one`)).status, 426);
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
    assert.equal(await shake(url, "/nothing"), "403 there is no WebSocket route at this path");
  });

  test("is answered as the middleware behind says, and its middleware sees that", async () => {
    const seen: unknown[] = [];
    const app = new App();
    app.use(async (ctx, next) => {
      await next();
      seen.push(ctx.status, ctx.body);
    });
    const koa = new Koa().use(koaMount("/", app)).use((ctx) => {
      if (ctx.path === "/401") ctx.throw(401);
      ctx.body = `behind ${ctx.path}`;
    });
    const url = await served(koa);
    assert.equal(await (await fetch(`${url}/page?x=1`)).text(), "behind /page");
    assert.deepEqual(seen, [200, "behind /page"]);
    assert.equal((await fetch(`${url}/401`)).status, 401);
    assert.match(await shake(url, "/401"), /^401 /);
    assert.match(await shake(url, "/page"), /^403 /);
  });

  test("goes on under a prefix of koa-mount's too, with the path restored", async () => {
    const koa = new Koa().use(koaMount("/sub", echo(new App()))).use((ctx) => {
      ctx.body = `behind ${ctx.path}`;
    });
    const url = await served(koa);
    assert.equal(await (await fetch(`${url}/sub/page`)).text(), "a page");
    assert.equal(await shake(url, "/sub/ws"), "echo hi");
    assert.equal(await (await fetch(`${url}/sub/nothing`)).text(), "behind /sub/nothing");
    assert.match(await shake(url, "/sub/nothing"), /^403 /);
  });

  test("ends in a mount of its own, which owns its prefix there as anywhere", async () => {
    const app = new App().mount("/own", echo(new App()));
    const koa = new Koa().use(koaMount("/", app)).use((ctx) => {
      ctx.body = "behind";
    });
    for (const root of [koa, new App().mount("/", app)]) {
      const url = await served(root);
      assert.equal((await fetch(`${url}/own/nothing`)).status, 404);
      assert.equal(
        await shake(url, "/own/nothing"),
        "403 there is no WebSocket route at this path",
      );
    }
  });
});
