import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import Koa from "koa";
import koaMount from "koa-mount";
import { App, createLog, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { until } from "../../support/within.ts";

/** Bodies that fail when Koa sends them, long after the middleware has returned. */
const BODIES: Readonly<Record<string, (error: Error) => unknown>> = {
  "a stream that fails at once": (error) =>
    new Readable({
      read() {
        this.destroy(error);
      },
    }),
  "a stream that fails on its way": (error) =>
    Readable.from(
      (async function* () {
        yield "begun";
        await turn();
        throw error;
      })(),
    ),
  "a web stream": (error) =>
    new ReadableStream({
      pull() {
        throw error;
      },
    }),
  "a value that JSON cannot have": (error) => ({
    toJSON() {
      throw error;
    },
  }),
};

/** Listens for `error` on apps, by name. */
function listen(apps: Record<string, Koa>): string[] {
  const fired: string[] = [];
  for (const [name, app] of Object.entries(apps)) {
    app.on("error", (error: Error) => fired.push(`${name}: ${error.message}`));
  }
  return fired;
}

/** Asks and does not care for the answer; every end of the response counts. */
async function ask(client: TestClient, path: string): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    client.serving.server.once("request", (_req, res) => res.once("close", resolve));
  });
  await client.fetch(path).then(
    (response) => response.text().catch(() => {}),
    () => {},
  );
  await closed;
  await turn();
}

describe("a body that fails when it is sent", () => {
  for (const [what, body] of Object.entries(BODIES)) {
    test(`fires error once, on the app that made the body: ${what}`, async () => {
      const answer: Koa.Middleware = (ctx) => {
        ctx.body = body(new Error("broken"));
      };
      const sub = new App();
      sub.router.get("/", answer as never);
      sub.router.get("/response", (ctx) => {
        ctx.response.body = body(new Error("broken"));
      });
      const plain = new Koa().use(answer);
      const middle = new App().mount("/:id", sub).mount("/plain", plain);
      const root = new App().mount("/middle", middle);
      root.router.get("/", answer as never);
      const fired = listen({ root, middle, sub, plain });
      await using client = await TestClient.start(root);
      for (const [path, app] of [
        ["/middle/1/", "sub"],
        ["/middle/1/response", "sub"],
        ["/middle/plain/", "plain"],
        ["/", "root"],
      ] as const) {
        await ask(client, path);
        assert.deepEqual(fired.splice(0), [`${app}: broken`], path);
      }
    });
  }

  test("fires on the nearest app above that listens, and under plain Koa on ours", async () => {
    const sub = new App();
    sub.router.get("/", (ctx) => {
      ctx.body = BODIES["a web stream"]?.(new Error("broken"));
    });
    const middle = new App().mount("/sub", sub);
    const koa = new Koa().use(koaMount("/middle", middle));
    const fired = listen({ koa, middle });
    await using client = await TestClient.start(koa);
    await ask(client, "/middle/sub/");
    assert.deepEqual(fired, ["middle: broken"]);
  });

  test("fires on the parent when the parent has replaced the sub-app's body", async () => {
    const sub = new App().use((ctx) => {
      ctx.body = Readable.from(["fine"]);
    });
    const root = new App().mount("/sub", sub).use(async (ctx, next) => {
      await next();
      ctx.body = BODIES["a web stream"]?.(new Error("broken"));
    });
    const fired = listen({ root, sub });
    await using client = await TestClient.start(root);
    await ask(client, "/sub/");
    assert.deepEqual(fired, ["root: broken"]);
  });

  test("does not end the process when it fails before the middleware above has returned", async () => {
    const sub = new App().use((ctx) => {
      ctx.body = BODIES["a stream that fails at once"]?.(new Error("broken"));
      (ctx.body as Readable).read(0);
    });
    const root = new App().mount("/sub", sub).use(async (ctx, next) => {
      await next();
      const body = ctx.body as Readable;
      await until(() => body.closed, "the stream to be closed");
    });
    const fired = listen({ root, sub });
    await using client = await TestClient.start(root);
    await ask(client, "/sub/");
    assert.deepEqual(fired, ["sub: broken"]);
  });
});

describe("a listener of error that throws", () => {
  const listeners: Readonly<Record<string, () => unknown>> = {
    "at once": () => {
      throw new Error("the listener");
    },
    later: async () => {
      await turn();
      throw new Error("the listener");
    },
  };
  for (const [when, listener] of Object.entries(listeners)) {
    test(`${when} does not end the process, and the other listeners still hear the error`, async (t) => {
      const printed = t.mock.method(console, "error", () => {});
      const sub = new App();
      sub.router.get("/", () => Promise.reject(new Error("first")));
      sub.router.get("/body", (ctx) => {
        ctx.body = BODIES["a web stream"]?.(new Error("second"));
      });
      sub.websocket("/", () => Promise.reject(new Error("third")));
      sub.lifespan(async function* () {
        yield;
        throw new Error("fourth");
      });
      sub.on("error", listener);
      const fired = listen({ sub });
      const client = await TestClient.start(new App().mount("/sub", sub));
      assert.equal((await client.fetch("/sub/")).status, 500);
      await ask(client, "/sub/body");
      assert.equal((await (await client.connect("/sub/")).closed()).code, 1011);
      await client.close();
      assert.deepEqual(fired, ["sub: first", "sub: second", "sub: third", "sub: fourth"]);
      await until(() => printed.mock.callCount() === 4, "each failure to be printed");
    });
  }
});

describe("each server of an app", () => {
  const memory = () => {
    const lines: { level: number; msg: string }[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line));
    const errors = () => lines.filter(({ level }) => level >= 50).map(({ msg }) => msg);
    return { log: createLog({ destination: { write } }), errors };
  };

  function failing(): App {
    const app = new App();
    app.router.get("/:what", (ctx) => {
      throw new Error(ctx.params.what);
    });
    app.websocket("/:what", (_socket, ctx) => Promise.reject(new Error(ctx.params.what)));
    app.websocket("/free/:what", () => Promise.reject(new Error("free")));
    return app;
  }

  test("logs errors to its own log, while both run and one after the other", async () => {
    const app = failing();
    const [first, second] = [memory(), memory()];
    const one = await TestClient.start(app, { log: first.log });
    const two = await TestClient.start(app, { log: second.log });
    await one.fetch("/1");
    await two.fetch("/2");
    await (await one.connect("/3")).closed();
    await (await two.connect("/4")).closed();
    await (await one.connect("/free/5")).closed();
    await (await two.connect("/free/6")).closed();
    await one.close();
    await two.fetch("/7");
    await two.close();
    assert.deepEqual(first.errors(), ["1", "3", "free"]);
    assert.deepEqual(second.errors(), ["2", "4", "free", "7"]);
  });

  test("logs errors although an earlier server of the app had no log", async () => {
    const app = failing();
    app.callback();
    const memo = memory();
    await using client = await TestClient.start(app, { log: memo.log });
    await client.fetch("/1");
    assert.deepEqual(memo.errors(), ["1"]);
  });

  test("logs errors that belong to no request when it is the latest server", async () => {
    const app = failing();
    const [first, second] = [memory(), memory()];
    for (const { log } of [first, second]) {
      const serving = await serve(app, { port: 0, log });
      await serving.close();
    }
    app.emit("error", new Error("of a timer"));
    assert.deepEqual([first.errors(), second.errors()], [[], ["of a timer"]]);
  });
});
