import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, createLog, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { withResolvers } from "../../support/deferred.ts";
import { living } from "../../support/story.ts";

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
    const inside = withResolvers<void>();
    const released = withResolvers<void>();
    app.router.get("/slow", async (ctx) => {
      inside.resolve();
      await released.promise;
      story.push("the request ends");
      ctx.body = "slow";
    });
    await using client = await TestClient.start(app);
    const response = client.fetch("/slow");
    await inside.promise;
    const closing = client.serving.close();
    // Turns of the event loop in which a stop that does not wait would have happened.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    released.resolve();
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
