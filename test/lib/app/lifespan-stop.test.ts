import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { forever } from "../../support/deferred.ts";
import { errorsOf, living } from "../../support/story.ts";

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

  test("may also reject with a value that is not an Error", async () => {
    const story: string[] = [];
    const bad = failing("text");
    const root = living(story, "root").mount("/bad", bad);
    const fired = errorsOf({ bad });
    await (await startLifespans(root))();
    assert.deepEqual(story, ["start root", "stop root"]);
    assert.equal(fired.length, 1);
    assert.match(fired[0] ?? "", /text/);
  });

  test("may also take longer than the stop deadline", async () => {
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
      "late: expected a lifespan to stop within 20 ms, but it is still running",
    ]);
  });

  test("may also yield twice", async () => {
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
