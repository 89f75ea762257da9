import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Progress, ProgressTeller } from "../../../apps/tasks/progress.ts";

function teller(t: TestContext) {
  let now = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  const told: Progress[] = [];
  const pass = (ms: number) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  return { told, pass, teller: new ProgressTeller((progress) => told.push(progress)) };
}

test("progress is told at once the first time, and then the latest of every tenth of a second", (t) => {
  const { told, pass, teller: it } = teller(t);
  it.progress(0);
  assert.equal(told.length, 1);
  it.progress(0.1, "one");
  it.progress(0.2, "two");
  assert.equal(told.length, 1);
  pass(100);
  assert.deepEqual(told.slice(1), [{ done: 0.2, note: "two" }]);
  pass(1_000);
  assert.equal(told.length, 2);
  it.progress(0.3);
  assert.equal(told.length, 3);
});

test("progress of work that lets no timer run is told ten times a second too", (t) => {
  let now = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  const told: Progress[] = [];
  const it = new ProgressTeller((progress) => told.push(progress));
  for (now = 0; now < 1_000; now++) it.progress(now / 1_000);
  assert.equal(told.length, 10);
});

test("progress that has stopped says nothing more", (t) => {
  const { told, pass, teller: it } = teller(t);
  it.progress(0);
  it.progress(0.5);
  it.stop();
  pass(1_000);
  assert.equal(told.length, 1);
});
