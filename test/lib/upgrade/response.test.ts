import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, attach, type Context } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import onFinished from "on-finished";
import { handshake, Wire } from "../../support/wire.ts";
import { within } from "../../support/within.ts";

type Connect = (req: IncomingMessage, res: ServerResponse, next: (error?: Error) => void) => void;

/** As koa-connect does: the middleware goes on when Connect's has. */
function connect(middleware: Connect) {
  return (ctx: Context, next: () => Promise<void>) =>
    new Promise<void>((resolve, reject) => {
      middleware(ctx.req, ctx.res, (error) => (error ? reject(error) : resolve(next())));
    });
}

/** As on-headers does, which express-session and others use: it runs when the head is written. */
function onHeaders(res: ServerResponse, listener: (this: ServerResponse) => void): void {
  const { writeHead } = res;
  let fired = false;
  res.writeHead = function (this: ServerResponse, ...head: unknown[]) {
    if (!fired) {
      fired = true;
      listener.call(this);
    }
    return Reflect.apply(writeHead, this, head) as ServerResponse;
  } as typeof res.writeHead;
}

/** As express-session does: the cookie goes out with the head, the session is saved at the end. */
function session(store: Map<string, unknown>): Connect {
  return (req, res, next) => {
    const data: Record<string, unknown> = {};
    Object.assign(req, { session: data });
    onHeaders(res, function () {
      this.setHeader("Set-Cookie", ["sid=1; Path=/; HttpOnly", "theme=dark"]);
    });
    const { end } = res;
    res.end = function (this: ServerResponse, ...last: unknown[]) {
      setImmediate(() => {
        store.set("1", data);
        Reflect.apply(end, this, last);
      });
      return this;
    } as typeof res.end;
    next();
  };
}

function greeting(): App {
  return new App().websocket("/", async (socket) => {
    await socket.send("hello");
    await socket.receive();
  });
}

describe("the response of an accepted handshake", () => {
  test("ends after the chain has settled, so that a logger gets its line with 101", async () => {
    const story: string[] = [];
    const app = greeting();
    const told = new Promise<void>((resolve) => {
      app.use(async (ctx, next) => {
        await next();
        story.push(`settling ${ctx.status}, ${ctx.res.writableEnded}`);
        // As koa-logger does.
        onFinished(ctx.res, (error) => {
          story.push(`finished ${error} ${ctx.status} ${ctx.res.writableFinished}`);
        });
        ctx.res.once("finish", () => story.push("finish"));
        ctx.res.once("close", () => {
          story.push(`close ${ctx.res.writableFinished}`);
          resolve();
        });
        await new Promise(setImmediate);
        story.push("settled");
      });
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    assert.equal(await socket.receive(), "hello");
    await within(told, "the end of the response");
    assert.deepEqual(story, [
      "settling 101, false",
      "settled",
      "finished null 101 true",
      "finish",
      "close true",
    ]);
  });

  test("ends once, also for listeners that were added before next()", async () => {
    const app = greeting();
    const ends: string[] = [];
    const closed = new Promise<void>((resolve) => {
      app.use(async (ctx, next) => {
        onFinished(ctx.res, () => ends.push("finished"));
        ctx.res.on("finish", () => ends.push("finish"));
        ctx.res.on("close", () => resolve());
        await next();
        ends.push("after next");
      });
    });
    await using client = await TestClient.start(app);
    await client.connect("/");
    await within(closed, "the end of the response");
    assert.deepEqual(ends, ["after next", "finished", "finish"]);
  });

  test("ends with 101 when the chain throws after the acceptance", async () => {
    const app = greeting();
    const failed = once(app, "error");
    const ended = new Promise<number>((resolve) => {
      app.use(async (ctx, next) => {
        await next();
        onFinished(ctx.res, () => resolve(ctx.res.statusCode));
        throw new Error("broken");
      });
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    assert.equal(await within(ended, "the end of the response"), 101);
    assert.equal((await failed)[0].message, "broken");
    assert.equal((await socket.closed()).code, 1011);
  });

  test("ends in a plain Koa app that has the App by koa-mount", async () => {
    const koa = new Koa();
    const ended = new Promise<number>((resolve) => {
      koa.use(async (ctx, next) => {
        await next();
        onFinished(ctx.res, () => resolve(ctx.status));
      });
    });
    koa.use(koaMount("/ws", greeting()));
    const server = http.createServer(koa.callback());
    attach(server, koa);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      await using wire = await Wire.connect(
        `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      );
      wire.write(handshake("/ws/"));
      assert.equal((await wire.head()).status, 101);
      assert.equal(await within(ended, "the end of the response"), 101);
    } finally {
      server.close();
    }
  });

  test("takes what Connect middleware does in writeHead onto the 101, and saves its session at the end", async () => {
    const store = new Map<string, unknown>();
    const app = greeting();
    const ended = new Promise<void>((resolve) => {
      app.use((ctx, next) => {
        ctx.res.once("finish", resolve);
        ctx.set("X-Before", "yes");
        return next();
      });
    });
    app.use(connect(session(store)) as never);
    app.use(async (ctx, next) => {
      (ctx.req as unknown as { session: Record<string, unknown> }).session.user = "ada";
      await next();
      // What is set too late reaches nobody, and throws nothing.
      ctx.cookies.set("late", "1");
      ctx.set("X-Late", "yes");
      ctx.body = "dropped";
      ctx.res.write("dropped");
      ctx.res.writeHead(200, { "X-Late": "yes" });
    });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    const { status, text, headers } = await wire.head();
    assert.equal(status, 101);
    const lines = text.split("\r\n").filter((line) => /^set-cookie/i.test(line));
    assert.deepEqual(
      lines.map((line) => line.slice("set-cookie: ".length)),
      ["sid=1; Path=/; HttpOnly", "theme=dark"],
    );
    assert.equal(headers.get("x-before"), "yes");
    assert.equal(headers.get("x-late"), undefined);
    await within(ended, "the end of the response");
    assert.deepEqual(store.get("1"), { user: "ada" });
    assert.equal((await wire.frame()).payload.toString(), "hello");
  });

  test("takes headers that are given to writeHead", async () => {
    const app = greeting();
    app.use((ctx, next) => {
      const { writeHead } = ctx.res;
      ctx.res.writeHead = ((status: number) =>
        Reflect.apply(writeHead, ctx.res, [status, "Fine", { "X-Object": "1" }])) as never;
      const second = ctx.res.writeHead;
      ctx.res.writeHead = ((status: number) => {
        second(status);
        return Reflect.apply(writeHead, ctx.res, [status, ["X-Flat", "2", "X-More", "3"]]);
      }) as never;
      return next();
    });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const { headers } = socket;
    assert.deepEqual([headers["x-object"], headers["x-flat"], headers["x-more"]], ["1", "2", "3"]);
  });

  test("can still be refused when what listens for its head throws", async () => {
    const app = greeting();
    const failed = once(app, "error");
    app.use((ctx, next) => {
      const { writeHead } = ctx.res;
      let throws = true;
      ctx.res.writeHead = ((...head: unknown[]) => {
        if (throws) {
          throws = false;
          throw new Error("no session");
        }
        return Reflect.apply(writeHead, ctx.res, head);
      }) as never;
      return next();
    });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/"));
    assert.equal((await wire.response()).status, 500);
    assert.equal((await failed)[0].message, "no session");
  });
});
