import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Koa from "koa";
import koaMount from "koa-mount";
import { App } from "koa-subapps";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { living, noting } from "../../support/story.ts";

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

  test("do not exist on a plain Koa app, mounted or root", async () => {
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
