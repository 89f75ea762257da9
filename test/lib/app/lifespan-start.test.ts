import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, createLog, serve } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { forever } from "../../support/deferred.ts";
import { freePort } from "../../support/free-port.ts";
import { errorsOf, living } from "../../support/story.ts";

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

  test("may also take longer than the start deadline, which the error names", async () => {
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

  test("may also return without a yield", async () => {
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

  test("may also be a function that is not a generator", async () => {
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
