import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks, type TasksOptions } from "../../../../apps/tasks/index.ts";
import * as ourKinds from "../../../../apps/tasks/kinds/index.ts";
import { cancel, follow, post, stateOf, submit } from "../support/client.ts";
import { ownFolder } from "../support/folder.ts";
import * as testKinds from "../support/kinds.ts";
import { Puppet, play } from "../support/puppet.ts";

const folder = ownFolder();

interface Fired {
  readonly app: App;
  readonly errors: Error[];
}

/** Tasks in one thread, so that what follows a crash has to wait for it. */
function tasks(options: TasksOptions = {}): Fired {
  const errors: Error[] = [];
  const app = new App().mount("/tasks", createTasks({ kinds: testKinds, threads: 1, ...options }));
  app.on("error", (error) => errors.push(error));
  return { app, errors };
}

describe("a task in a worker", () => {
  test("tells how far it is, and gives its result", async () => {
    const { app, errors } = tasks();
    await using client = await TestClient.start(app);
    using played = await play(client);
    const { puppet, follower } = played;
    await puppet.ready;
    for (const [progress, note] of [
      [0.25, "a quarter"],
      [0.5, "half"],
      [1, "all"],
    ] as const) {
      puppet.do({ progress, note });
      const message = await follower.until((each) => each.note === note);
      assert.equal(message.status, "running");
      assert.equal(message.progress, progress);
    }
    puppet.do({ succeed: { answer: 42 } });
    const last = await follower.end();
    assert.equal(last.status, "succeeded");
    assert.equal(last.progress, 1);
    assert.deepEqual(last.result, { answer: 42 });
    const statuses = follower.seen.map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)], ["queued", "running", "succeeded"]);
    assert.deepEqual(errors, []);
  });

  test("is running, for whoever follows, before it has ended, however short it is", async () => {
    const { app } = tasks();
    await using client = await TestClient.start(app);
    using played = await play(client);
    played.puppet.do({ succeed: 1 });
    await played.puppet.ready;
    played.puppet.do({ succeed: 1 });
    await played.follower.end();
    assert.deepEqual(
      played.follower.seen.map(({ status }) => status),
      ["queued", "running", "succeeded"],
    );
  });

  test("says nothing that is no progress: below nothing, above all, or no number", async () => {
    const { app } = tasks();
    await using client = await TestClient.start(app);
    using played = await play(client);
    await played.puppet.ready;
    for (const [progress, told] of [
      [-1, 0],
      [7, 1],
      [Number.NaN, 0],
    ] as const) {
      played.puppet.do({ progress, note: `${progress}` });
      const message = await played.follower.until(({ note }) => note === `${progress}`);
      assert.equal(message.progress, told);
    }
    played.puppet.do({ succeed: null });
    await played.follower.end();
  });

  for (const body of ["small", "x".repeat(200_000)]) {
    test(`reads its input of ${body.length} bytes, whichever way it was kept`, async () => {
      const { app } = tasks();
      await using client = await TestClient.start(app);
      using played = await play(client, "puppet", body);
      await played.puppet.ready;
      assert.equal(folder.held(), body.length > 65_536 ? 1 : 0);
      played.puppet.do({ read: true });
      assert.equal((await played.follower.end()).result, body.length);
    });
  }
});

describe("a task that fails", () => {
  test("tells the client what its kind says, and the log nothing", async () => {
    const { app, errors } = tasks();
    await using client = await TestClient.start(app);
    using played = await play(client);
    await played.puppet.ready;
    played.puppet.do({ progress: 0.5, note: "half" });
    await played.follower.until(({ note }) => note === "half");
    played.puppet.do({ fail: "expected better words" });
    const { status, error, progress, note } = await played.follower.end();
    assert.deepEqual(
      { status, error, progress, note },
      { status: "failed", error: "expected better words", progress: 0.5, note: undefined },
    );
    assert.deepEqual(errors, []);
  });

  const crashes = {
    "throws an error": [{ throw: new Error("secret of /etc/passwd") }, /secret of/],
    "throws what is no error": [{ throw: "a secret string" }, /a secret string/],
    "throws nothing at all": [{ throw: undefined }, /undefined/],
    "throws where nobody catches": [{ uncaught: "secret in a timer" }, /secret in a timer/],
    "ends its thread": [{ exit: 3 }, /exited with code: 3/],
    "ends its thread as if all were well": [{ exit: 0 }, /exited with code: 0/],
    "wants more memory than there is": [{ hog: true }, /memory limit/],
    "returns what JSON cannot carry": [{ impossible: "bigint" }, /BigInt/],
    "returns what contains itself": [{ impossible: "circular" }, /circular/],
  } as const;

  for (const [name, [order, logged]] of Object.entries(crashes)) {
    test(`fails alone when it ${name}: those that wait are done, and the log is told once`, async () => {
      const { app, errors } = tasks({ workerMemoryMb: 64 });
      await using client = await TestClient.start(app);
      using bad = await play(client);
      using next = await play(client);
      using last = await play(client);
      await bad.puppet.ready;
      bad.puppet.do(order);
      const { status, error } = await bad.follower.end();
      assert.deepEqual([status, error], ["failed", "the task's worker failed"]);
      for (const { puppet, follower } of [next, last]) {
        await puppet.ready;
        puppet.do({ succeed: "fine" });
        assert.equal((await follower.end()).result, "fine");
      }
      assert.equal(errors.length, 1);
      const [fired] = errors;
      assert.ok(fired instanceof Error);
      assert.match(fired.message, new RegExp(`the puppet task ${bad.task.id} failed`));
      assert.match(`${(fired.cause as Error)?.message ?? fired.cause}`, logged);
      assert.doesNotMatch(JSON.stringify(bad.follower.seen), /secret|Error|\.ts|stack/);
    });
  }

  test("fires its error on the app itself, where that listens", async () => {
    const own: Error[] = [];
    const inner = createTasks({ kinds: testKinds, threads: 1 }).on("error", (e) => own.push(e));
    const app = new App().mount("/tasks", inner);
    const above: Error[] = [];
    app.on("error", (error) => above.push(error));
    await using client = await TestClient.start(app);
    using played = await play(client);
    await played.puppet.ready;
    played.puppet.do({ throw: new Error("mine") });
    await played.follower.end();
    assert.deepEqual([own.length, above.length], [1, 0]);
  });

  test("has no time left when it reaches the limit of its kind, even in a loop without end", async () => {
    const { app, errors } = tasks();
    await using client = await TestClient.start(app);
    using slow = await play(client, "hasty");
    using next = await play(client);
    await slow.puppet.ready;
    slow.puppet.do({ spin: true });
    const { status, error } = await slow.follower.end();
    assert.deepEqual([status, error], ["failed", "expected the task to end within 5 s"]);
    await next.puppet.ready;
    next.puppet.do({ succeed: "fine" });
    assert.equal((await next.follower.end()).result, "fine");
    assert.deepEqual(errors, []);
  });
});

describe("a task that is cancelled", () => {
  test("leaves at once when it waits, and nothing of it is left", async () => {
    const { app } = tasks();
    await using client = await TestClient.start(app);
    using first = await play(client);
    using waiting = await play(client, "puppet", "x".repeat(100_000));
    await first.puppet.ready;
    const before = folder.held();
    assert.equal(await cancel(client, waiting.task.id), 202);
    assert.equal((await waiting.follower.end()).status, "cancelled");
    assert.equal(folder.held(), before - 1);
    assert.equal(await cancel(client, waiting.task.id), 409);
    first.puppet.do({ succeed: "undisturbed" });
    assert.equal((await first.follower.end()).result, "undisturbed");
  });

  for (const spinning of [false, true]) {
    const how = spinning ? "in a loop without end" : "while it listens";
    test(`ends while it runs ${how}, and the next has its thread`, async () => {
      const { app, errors } = tasks();
      await using client = await TestClient.start(app);
      using running = await play(client, "puppet", "x".repeat(100_000));
      using next = await play(client);
      await running.puppet.ready;
      await running.follower.status("running");
      if (spinning) running.puppet.do({ spin: true });
      assert.equal(await cancel(client, running.task.id), 202);
      const last = await running.follower.end();
      assert.equal(last.status, "cancelled");
      assert.equal(last.error, undefined);
      await next.puppet.ready;
      assert.equal(folder.held(), 0);
      next.puppet.do({ succeed: "fine" });
      assert.equal((await next.follower.end()).result, "fine");
      assert.deepEqual(errors, []);
    });
  }

  test("is not cancelled once it has ended", async () => {
    const { app } = tasks();
    await using client = await TestClient.start(app);
    using played = await play(client);
    await played.puppet.ready;
    played.puppet.do({ succeed: 1 });
    await played.follower.end();
    assert.equal(await cancel(client, played.task.id), 409);
    assert.equal((await stateOf(client, played.task.id)).status, "succeeded");
  });
});

describe("the bound of the queue", () => {
  test("holds for five hundred tasks at once: every one is done or refused, none is lost", async () => {
    const bound = 2 + 20;
    const { app } = tasks({ kinds: ourKinds, threads: 2, maxWaiting: 20 });
    await using client = await TestClient.start(app);
    const responses = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => post(client, "wordcount", `word ${i}`)),
    );
    const accepted = responses.filter(({ status }) => status === 202);
    const refused = responses.filter(({ status }) => status === 503);
    assert.equal(accepted.length + refused.length, 500);
    assert.ok(accepted.length >= bound);
    for (const { headers } of refused) assert.ok(Number(headers.get("retry-after")) > 0);
    for (const response of accepted) {
      const { id } = (await response.json()) as { id: string };
      assert.equal((await (await follow(client, id)).end()).status, "succeeded");
    }
  });

  test("is as many as may wait and run, is told, and gives way when one ends", async () => {
    const { app } = tasks({ threads: 1, maxWaiting: 2 });
    await using client = await TestClient.start(app);
    using one = await play(client);
    using two = await play(client);
    using three = await play(client);
    using other = new Puppet();
    assert.equal((await post(client, `puppet?channel=${other.name}`)).status, 503);
    assert.equal(await cancel(client, two.task.id), 202);
    const four = await submit(client, `puppet?channel=${other.name}`);
    assert.equal((await post(client, `puppet?channel=${other.name}`)).status, 503);
    // In the order in which they came.
    for (const { puppet, follower } of [one, three]) {
      assert.equal((await stateOf(client, four.id)).status, "queued");
      await puppet.ready;
      puppet.do({ succeed: 1 });
      await follower.end();
    }
    await other.ready;
    other.do({ succeed: 1 });
    await (await follow(client, four.id)).end();
  });

  test("is not passed by those who come while bodies are on their way", async () => {
    const { app } = tasks({ threads: 1, maxWaiting: 1 });
    await using client = await TestClient.start(app);
    using puppet = new Puppet();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () =>
        post(client, `puppet?channel=${puppet.name}`, "x".repeat(300_000)),
      ),
    );
    const accepted = responses.filter(({ status }) => status === 202);
    assert.equal(accepted.length, 2);
    assert.equal(responses.filter(({ status }) => status === 503).length, 18);
    assert.equal(folder.held(), 2);
    for (const response of accepted.toReversed()) {
      const { id } = (await response.json()) as { id: string };
      assert.equal(await cancel(client, id), 202);
      await (await follow(client, id)).end();
    }
  });
});
