import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { living, noting } from "../../support/story.ts";

describe("a lifespan that is added to a started app", () => {
  const life = async function* () {
    yield;
  };
  const late =
    /^Error: expected lifespans before the start of the app, but got one .* before run\(app\) or serve\(app\)$/;

  test("is refused, on the app itself and on an app mounted in it, at any depth", async () => {
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

  test("is allowed inside a lifespan of the app or of an app above, and then runs", async () => {
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

  test("is allowed on an app that is started itself and then mounted in another started app", async () => {
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

  test("is allowed after a failed start", async () => {
    const app = new App().lifespan(() => {
      throw new Error("expected by this test");
    });
    await assert.rejects(startLifespans(app), /expected by this test/);
    app.lifespan(life);
  });
});
