import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { App, createLog, type Lifespan, serve } from "../../../lib/index.ts";
import { TestClient } from "../../../lib/testing/index.ts";

/** A lifespan that writes down when it starts and stops. */
function noting(story: string[], name: string): Lifespan {
  return async function* () {
    story.push(`start ${name}`);
    yield;
    story.push(`stop ${name}`);
  };
}

function living(story: string[], name: string): App {
  return new App().lifespan(noting(story, name));
}

/** Notes what is fired as `error`, by the app's name. */
function errorsOf(apps: Record<string, Koa>): string[] {
  const fired: string[] = [];
  for (const [name, app] of Object.entries(apps)) {
    app.on("error", (error: Error) => fired.push(`${name}: ${error.message}`));
  }
  return fired;
}

// Never settles and keeps nothing alive.
const forever = () => new Promise<never>(() => {});

describe("lifespans", () => {
  test("start in mount order, an app before its mounts, and stop in reverse", async () => {
    const story: string[] = [];
    const inner = living(story, "inner");
    const first = living(story, "first").mount("/inner", inner);
    const second = living(story, "second");
    const root = living(story, "root");
    root.mount("/z", first).mount("/a/:x", second).mount("/", living(story, "site"));
    root.lifespan(noting(story, "root again"));
    const stop = await startLifespans(root);
    const names = ["root", "root again", "first", "inner", "second", "site"];
    const starts = names.map((name) => `start ${name}`);
    assert.deepEqual(story, starts);
    await stop();
    assert.deepEqual(
      story.slice(names.length),
      names.toReversed().map((name) => `stop ${name}`),
    );
  });

  test("start one after the other, each when the one before it is ready", async () => {
    const story: string[] = [];
    const slow = new App().lifespan(async function* () {
      story.push("slow begins");
      await new Promise((resolve) => setImmediate(resolve));
      story.push("slow is ready");
      yield;
      await new Promise((resolve) => setImmediate(resolve));
      story.push("slow has stopped");
    });
    const root = living(story, "root").mount("/slow", slow).mount("/next", living(story, "next"));
    const stop = await startLifespans(root);
    await stop();
    assert.deepEqual(story, [
      "start root",
      "slow begins",
      "slow is ready",
      "start next",
      "stop next",
      "slow has stopped",
      "stop root",
    ]);
  });

  test("run once for an app that is mounted twice, at any depth", async () => {
    const story: string[] = [];
    const shared = living(story, "shared");
    const root = new App().mount("/a", shared).mount("/b", shared);
    root.mount("/deep", living(story, "deep").mount("/:c", shared));
    const stop = await startLifespans(root);
    await stop();
    assert.deepEqual(story, ["start shared", "start deep", "stop deep", "stop shared"]);
  });

  test("stop once, however often they are told to", async () => {
    const story: string[] = [];
    const stop = await startLifespans(living(story, "only"));
    await Promise.all([stop(), stop()]);
    await stop();
    assert.deepEqual(story, ["start only", "stop only"]);
  });

  test("run again from the beginning for every server of an app", async () => {
    const story: string[] = [];
    const app = living(story, "app");
    const one = await startLifespans(app);
    const two = await startLifespans(app);
    await one();
    await two();
    assert.deepEqual(story, ["start app", "start app", "stop app", "stop app"]);
  });

  test("are none of a plain Koa app's, mounted or root", async () => {
    const story: string[] = [];
    const root = living(story, "root").mount("/plain", new Koa()).mount("/b", living(story, "b"));
    await (await startLifespans(root))();
    assert.deepEqual(story, ["start root", "start b", "stop b", "stop root"]);
    await (await startLifespans(new Koa()))();
    // koa-mount shows nobody what it holds, so what is behind it has no lifespan.
    await (await startLifespans(new Koa().use(koaMount("/b", living(story, "behind")))))();
    assert.equal(story.length, 4);
  });
});

describe("a lifespan that comes when its app is served", () => {
  const life = async function* () {
    yield;
  };
  const late =
    /^Error: expected lifespans to be there when the app is started, .* before run\(app\) or serve\(app\)$/;

  test("is refused, its own and those of an app that is mounted then, at any depth", async () => {
    const inner = new App();
    const app = new App().mount("/inner", inner);
    const feature = new App().mount("/deep", new App().lifespan(life));
    const stop = await startLifespans(app);
    assert.throws(() => app.lifespan(life), late);
    assert.throws(() => inner.lifespan(life), late);
    assert.throws(() => inner.mount("/feature", feature), late);
    assert.throws(() => inner.mount("/feature", feature), /; mount it at \/feature before/);
    inner.mount("/plain", new App());
    await stop();
    inner.mount("/feature", feature).lifespan(life);
  });

  test("may come from a lifespan of an app above, or of its own, and runs then", async () => {
    const story: string[] = [];
    const child = new App();
    const root = new App().mount("/child", child);
    root.lifespan(async function* () {
      child.lifespan(noting(story, "child"));
      root.lifespan(noting(story, "another"));
      root.mount("/late", living(story, "late"));
      yield;
      story.push("stop root");
    });
    const stop = await startLifespans(root);
    await stop();
    const starts = ["start another", "start child", "start late"];
    assert.deepEqual(story, [...starts, "stop late", "stop child", "stop another", "stop root"]);
  });

  test("may be of an app that is served already, and mounted in another that is", async () => {
    const feature = new App().lifespan(life);
    const root = new App();
    const stops = [await startLifespans(feature), await startLifespans(root)];
    root.mount("/feature", feature);
    for (const stop of stops) await stop();
  });

  test("is refused until the last of several servers has stopped", async () => {
    const app = new App();
    const stops = [await startLifespans(app), await startLifespans(app)];
    await stops[0]?.();
    await stops[0]?.();
    assert.throws(() => app.lifespan(life), late);
    await stops[1]?.();
    app.lifespan(life);
  });

  test("may come after a start that has failed", async () => {
    const app = new App().lifespan(() => {
      throw new Error("expected by this test");
    });
    await assert.rejects(startLifespans(app), /expected by this test/);
    app.lifespan(life);
  });
});

describe("a lifespan that fails to start", () => {
  test("stops those already started, in reverse, and its error is the one thrown", async () => {
    const story: string[] = [];
    const failure = new Error("no database");
    const third = new App().lifespan(async function* () {
      try {
        story.push("start third");
        yield* [];
        throw failure;
      } finally {
        story.push("third cleans up after itself");
      }
    });
    const root = living(story, "first").mount("/second", living(story, "second"));
    root.mount("/third", third).mount("/fourth", living(story, "fourth"));
    const fired = errorsOf({ root, third });
    await assert.rejects(startLifespans(root), (error) => error === failure);
    assert.deepEqual(story, [
      "start first",
      "start second",
      "start third",
      "third cleans up after itself",
      "stop second",
      "stop first",
    ]);
    assert.deepEqual(fired, []);
  });

  test("keeps the app from listening", async () => {
    const story: string[] = [];
    const root = living(story, "root").mount(
      "/bad",
      new App().lifespan(async function* () {
        yield* [];
        throw new Error("no database");
      }),
    );
    const port = await freePort();
    const log = createLog({ level: "silent" });
    await assert.rejects(serve(root, { port, log }), /no database/);
    assert.deepEqual(story, ["start root", "stop root"]);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), "nothing listens there");
    await assert.rejects(TestClient.start(root), /no database/);
  });

  test("is one that takes longer than the start deadline, which the error names", async () => {
    const story: string[] = [];
    const late = new App().lifespan(async function* () {
      await forever();
      yield;
    });
    const root = living(story, "root").mount("/late", late).mount("/next", living(story, "next"));
    errorsOf({ root });
    await assert.rejects(
      startLifespans(root, { startMs: 20, stopMs: 20 }),
      /expected a lifespan to start within 20 ms/,
    );
    assert.deepEqual(story, ["start root", "stop root"]);
  });

  test("is one that never yields", async () => {
    const story: string[] = [];
    const root = living(story, "root").mount(
      "/never",
      // biome-ignore lint/correctness/useYield: the mistake that this test is about
      new App().lifespan(async function* () {
        story.push("start never");
      }),
    );
    await assert.rejects(
      startLifespans(root),
      /expected a lifespan to yield once, but it returned/,
    );
    assert.deepEqual(story, ["start root", "start never", "stop root"]);
  });

  test("is one that is no generator", async () => {
    const app = new App().lifespan((async () => {}) as never);
    await assert.rejects(startLifespans(app), {
      name: "TypeError",
      message:
        "expected a lifespan to be an async function* with one yield, but it returned a promise",
    });
  });

  test("does not hide behind a stop that fails during the rollback", async () => {
    const root = new App().lifespan(async function* () {
      yield;
      throw new Error("could not stop");
    });
    root.lifespan(async function* () {
      yield* [];
      throw new Error("could not start");
    });
    const fired = errorsOf({ root });
    await assert.rejects(startLifespans(root), /could not start/);
    assert.deepEqual(fired, ["root: could not stop"]);
  });
});

describe("a lifespan that fails to stop", () => {
  const failing = (error: unknown) =>
    new App().lifespan(async function* () {
      yield;
      await Promise.reject(error);
    });

  test("fires error on its own app, and the others stop all the same", async () => {
    const story: string[] = [];
    const bad = failing(new Error("could not stop"));
    const root = living(story, "root").mount("/a", living(story, "a")).mount("/bad", bad);
    root.mount("/c", living(story, "c"));
    const fired = errorsOf({ root, bad });
    const stop = await startLifespans(root);
    await stop();
    assert.deepEqual(story.slice(3), ["stop c", "stop a", "stop root"]);
    assert.deepEqual(fired, ["bad: could not stop"]);
  });

  test("fires error on the nearest app above that listens, when its own does not", async () => {
    const middle = new App().mount("/between", new App().mount("/bad", failing(new Error("bad"))));
    const root = new App().mount("/middle", middle);
    const fired = errorsOf({ root, middle });
    await (await startLifespans(root))();
    assert.deepEqual(fired, ["middle: bad"]);
  });

  test("is one that rejects with something else than an Error, too", async () => {
    const story: string[] = [];
    const bad = failing("text");
    const root = living(story, "root").mount("/bad", bad);
    const fired = errorsOf({ bad });
    await (await startLifespans(root))();
    assert.deepEqual(story, ["start root", "stop root"]);
    assert.equal(fired.length, 1);
    assert.match(fired[0] ?? "", /text/);
  });

  test("is one that takes longer than the stop deadline", async () => {
    const story: string[] = [];
    const late = new App().lifespan(async function* () {
      yield;
      await forever();
    });
    const root = living(story, "root").mount("/late", late).mount("/c", living(story, "c"));
    const fired = errorsOf({ late });
    const stop = await startLifespans(root, { stopMs: 10_000 });
    await stop({ stopMs: 20 });
    assert.deepEqual(story.slice(2), ["stop c", "stop root"]);
    assert.deepEqual(fired, [
      "late: expected a lifespan to stop within 20 ms, but it is still at it",
    ]);
  });

  test("is one that yields twice", async () => {
    const story: string[] = [];
    const twice = new App().lifespan(async function* () {
      yield;
      story.push("stop once");
      yield;
      story.push("never");
    });
    const root = living(story, "root").mount("/twice", twice);
    const fired = errorsOf({ twice });
    await (await startLifespans(root))();
    assert.deepEqual(story, ["start root", "stop once", "stop root"]);
    assert.deepEqual(fired, ["twice: expected a lifespan to yield once, but it yielded again"]);
  });
});

describe("a served app's lifespans", () => {
  test("are those of the whole tree, started before the first request", async () => {
    let greeting = "not started";
    const sub = new App().lifespan(async function* () {
      greeting = "hello";
      yield;
      greeting = "stopped";
    });
    sub.router.get("/", (ctx) => {
      ctx.body = greeting;
    });
    const client = await TestClient.start(new App().mount("/a", new App().mount("/:b", sub)));
    try {
      assert.equal(await (await client.fetch("/a/b/")).text(), "hello");
    } finally {
      await client.close();
    }
    assert.equal(greeting, "stopped");
  });

  test("stop after the handlers have ended, which may use them to the last", async () => {
    const story: string[] = [];
    const app = living(story, "app");
    app.websocket("/", async (socket) => {
      await socket.send("ready");
      for await (const _ of socket);
      await new Promise((resolve) => setImmediate(resolve));
      story.push("the handler has written down its last");
    });
    const root = living(story, "root").mount("/app", app);
    const client = await TestClient.start(root);
    try {
      const socket = await client.connect("/app/");
      await socket.receive();
      await client.serving.close();
      assert.equal((await socket.closed()).code, 1012);
    } finally {
      await client.close();
    }
    assert.deepEqual(story, [
      "start root",
      "start app",
      "the handler has written down its last",
      "stop app",
      "stop root",
    ]);
  });

  test("stop after the last request has ended", async () => {
    const story: string[] = [];
    const app = living(story, "app");
    let release = () => {};
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    app.router.get("/slow", async (ctx) => {
      entered();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      story.push("the request ends");
      ctx.body = "slow";
    });
    await using client = await TestClient.start(app);
    const response = client.fetch("/slow");
    await inside;
    const closing = client.serving.close();
    // Turns of the event loop in which a stop that does not wait would have happened.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    release();
    assert.equal(await (await response).text(), "slow");
    await closing;
    assert.deepEqual(story, ["start app", "the request ends", "stop app"]);
  });

  test("stop in reverse when the port is in use", async () => {
    const story: string[] = [];
    const root = living(story, "root").mount("/sub", living(story, "sub"));
    await using taken = await TestClient.start(new App());
    const port = Number(new URL(taken.url).port);
    await assert.rejects(serve(root, { port, log: createLog({ level: "silent" }) }), {
      code: "EADDRINUSE",
    });
    assert.deepEqual(story, ["start root", "start sub", "stop sub", "stop root"]);
  });

  test("stop once when the server is closed twice", async () => {
    const story: string[] = [];
    const client = await TestClient.start(living(story, "app"));
    await Promise.all([client.serving.close(), client.serving.close()]);
    await client.close();
    assert.deepEqual(story, ["start app", "stop app"]);
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
