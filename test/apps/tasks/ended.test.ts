import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Hub } from "koa-subapps";
import { Ended, KEPT_MS, KEPT_TASKS } from "../../../apps/tasks/ended.ts";
import { kind } from "../../../apps/tasks/kind.ts";
import type { Job, JobListener } from "../../../apps/tasks/queue.ts";
import { Spool } from "../../../apps/tasks/spool.ts";
import { Task } from "../../../apps/tasks/task.ts";
import { Tasks } from "../../../apps/tasks/tasks.ts";

const ROOM = 1024 * 1024;

/** Tasks whose work is done by the test. */
async function ground(t: TestContext) {
  const hub = new Hub({ retention: { count: 1, ageMs: 1_000 } });
  t.after(() => hub.broker.close());
  const listeners = new Map<string, JobListener>();
  const queue = {
    free: 1,
    add: ({ id }: Job, listener: JobListener) => void listeners.set(id, listener),
    cancel: () => {},
    stop: async () => {},
  };
  const tasks = new Tasks({ queue, hub, spool: await Spool.open(), maxResultsBytes: ROOM });
  const add = () =>
    tasks.add({
      visitor: "v",
      name: "it",
      kind: kind(async () => {}),
      params: {},
      input: { bytes: 0, content: new Uint8Array() },
      report: (error) => assert.fail(error),
    });
  const end = async (task: Task) => {
    listeners.get(task.state.id)?.ended({ status: "succeeded", result: "1" });
    await task.ended;
  };
  return { tasks, add, end };
}

describe("a task that has ended", () => {
  test("is remembered however many others wait", async (t) => {
    const { tasks, add, end } = await ground(t);
    const first = add();
    await end(first);
    for (let i = 0; i < 2 * KEPT_TASKS; i++) add();
    assert.equal(tasks.get(first.state.id), first);
  });

  test("is remembered for an hour, and not longer, whatever the clock of the wall does", async (t) => {
    const { tasks, add, end } = await ground(t);
    const task = add();
    await end(task);
    const endedAt = task.endedAt ?? 0;
    const date = Date.now;
    t.mock.method(Date, "now", () => date() - KEPT_MS);
    let now = endedAt + KEPT_MS;
    t.mock.method(performance, "now", () => now);
    assert.equal(tasks.get(task.state.id), task);
    now += 1;
    assert.equal(tasks.get(task.state.id), undefined);
    assert.deepEqual(tasks.list("v", 100).tasks, []);
  });

  test("is forgotten in the order of the ends when more have ended than are remembered", async (t) => {
    const { tasks, add, end } = await ground(t);
    const all = Array.from({ length: KEPT_TASKS + 2 }, () => add());
    for (const task of all.toReversed()) await end(task);
    assert.deepEqual(
      all.map(({ state }) => tasks.get(state.id) !== undefined),
      all.map((_, i) => i < KEPT_TASKS),
    );
  });
});

test("results together occupy no more than they may: the oldest are forgotten first", () => {
  const forgotten: string[] = [];
  const ended = new Ended(10_000, ({ state }) => forgotten.push(state.id));
  const add = (id: string, length: number) => {
    const task = new Task(id, "it", "v");
    task.end({ status: "succeeded", result: JSON.stringify("x".repeat(length)) });
    ended.add(task);
  };
  for (const id of ["1", "2", "3"]) add(id, 1_400);
  assert.deepEqual(forgotten, []);
  add("4", 1_400);
  assert.deepEqual(forgotten, ["1"]);
  add("5", 4_400);
  assert.deepEqual(forgotten, ["1", "2", "3", "4"]);
});
