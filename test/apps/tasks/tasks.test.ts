import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import { App, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../apps/tasks/index.ts";
import type { Job, JobListener } from "../../../apps/tasks/queue.ts";
import { Spool } from "../../../apps/tasks/spool.ts";
import type { TaskMessage } from "../../../apps/tasks/task.ts";
import { Tasks } from "../../../apps/tasks/tasks.ts";
import { frame, handshake } from "../../support/wire.ts";
import { until } from "../../support/within.ts";
import { cancel, Follower, follow, stateOf, submit } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { Puppet, play } from "./support/puppet.ts";
import { type Talks, Visitor } from "./support/visitor.ts";

ownFolder();

interface Ground {
  readonly hub: Hub;
  readonly app: App;
}

function ground(): Ground {
  const hub = new Hub();
  const inner = createTasks({ kinds: testKinds, threads: 1, hub });
  const app = new App().mount("/tasks", inner).lifespan(async function* () {
    yield;
    await hub.broker.close();
  });
  return { hub, app };
}

/** A task that has told of two steps and ended, with all that was told. */
async function ended(client: Talks): Promise<{ id: string; seen: TaskMessage[] }> {
  using played = await play(client);
  const { puppet, follower, task } = played;
  await puppet.ready;
  for (const note of ["one", "two"]) {
    puppet.do({ progress: 0.5, note });
    await follower.until((message) => message.note === note);
  }
  puppet.do({ succeed: "done" });
  await follower.end();
  return { id: task.id, seen: follower.seen };
}

// The server learns a moment later than the client that a connection has ended.
async function nobodyLeft(hub: Hub): Promise<void> {
  await until(() => hub.connections().length === 0, "nobody in the registry");
  assert.deepEqual(hub.topics(), []);
}

async function told(client: TestClient, id: string, query = ""): Promise<TaskMessage[]> {
  const follower = await follow(client, id, query);
  await follower.end();
  return follower.seen;
}

describe("who follows a task", () => {
  test("gets the state first and then every change, in order and once, to the last", async () => {
    await using client = await TestClient.start(ground().app);
    const { seen } = await ended(client);
    const offsets = seen.map(({ position }) => position.offset);
    assert.deepEqual(
      offsets,
      offsets.map((_, i) => i + (offsets[0] ?? 0)),
    );
    assert.equal(new Set(seen.map(({ position }) => position.epoch)).size, 1);
    assert.equal(seen.at(-1)?.status, "succeeded");
  });

  test("comes before, while, and after it runs, and all see the same end", async () => {
    await using client = await TestClient.start(ground().app);
    using first = await play(client);
    using played = await play(client);
    assert.equal((await played.follower.next()).status, "queued");
    assert.equal(await cancel(client, first.task.id), 202);
    await played.puppet.ready;
    await played.follower.status("running");
    const during = await follow(client, played.task.id);
    assert.equal((await during.next()).status, "running");
    played.puppet.do({ succeed: "done" });
    const last = await played.follower.end();
    assert.deepEqual(await during.end(), last);
    assert.deepEqual(await told(client, played.task.id), [last]);
    assert.deepEqual(await stateOf(client, played.task.id), last);
  });

  test("never misses the end, in whatever moment of it one comes", async () => {
    await using client = await TestClient.start(ground().app);
    using played = await play(client);
    await played.puppet.ready;
    const coming = Array.from({ length: 25 }, () => follow(client, played.task.id));
    played.puppet.do({ succeed: "done" });
    coming.push(...Array.from({ length: 25 }, () => follow(client, played.task.id)));
    for (const follower of await Promise.all(coming)) {
      assert.equal((await follower.end()).result, "done");
      const offsets = follower.seen.map(({ position }) => position.offset);
      assert.deepEqual(offsets, [...new Set(offsets)]);
    }
  });

  test("may leave at any time, and the task goes on", async () => {
    const { hub, app } = ground();
    await using client = await TestClient.start(app);
    using played = await play(client);
    await played.puppet.ready;
    for (let i = 0; i < 5; i++) (await follow(client, played.task.id)).socket.terminate();
    await played.follower.socket.close();
    const { live } = client.serving.upgrades;
    await until(
      () => live.size === 0,
      () => `no handler of those who left, but there are ${live.size}`,
    );
    played.puppet.do({ succeed: "done" });
    assert.equal((await told(client, played.task.id)).at(-1)?.result, "done");
    await nobodyLeft(hub);
  });
});

describe("who comes back to a task", () => {
  test("with a position gets every change since, and nothing twice", async () => {
    await using client = await TestClient.start(ground().app);
    const { id, seen } = await ended(client);
    for (const [i, { position }] of seen.entries()) {
      const since = seen.slice(i + 1);
      const { epoch, offset } = position;
      // Who knows all is told the last once more, to know that it was the last.
      const expected = since.length > 0 ? since : seen.slice(-1);
      assert.deepEqual(await told(client, id, `?epoch=${epoch}&offset=${offset}`), expected);
    }
  });

  test("while it runs gets what was missed and then what comes", async () => {
    await using client = await TestClient.start(ground().app);
    using played = await play(client);
    await played.puppet.ready;
    const known = await played.follower.status("running");
    played.puppet.do({ progress: 0.5, note: "half" });
    const missed = await played.follower.until(({ note }) => note === "half");
    const { epoch, offset } = known.position;
    const back = await follow(client, played.task.id, `?epoch=${epoch}&offset=${offset}`);
    let message = await back.next();
    assert.equal(message.position.offset, offset + 1);
    while (message.position.offset < missed.position.offset) message = await back.next();
    assert.deepEqual(message, missed);
    played.puppet.do({ succeed: "done" });
    assert.deepEqual(await back.end(), await played.follower.end());
  });

  test("with a position that is none of the task's gets the state of now", async () => {
    await using client = await TestClient.start(ground().app);
    const { id, seen } = await ended(client);
    const { epoch, offset } = seen.at(-1)?.position ?? { epoch: "", offset: 0 };
    for (const query of [
      `?epoch=another&offset=${offset - 1}`,
      `?epoch=${epoch}&offset=${offset + 1}`,
      `?epoch=${epoch}&offset=999999999999999999999`,
      `?epoch=${epoch}&offset=-1`,
      `?epoch=${epoch}&offset=1.5`,
      `?epoch=${epoch}&offset=x`,
      `?epoch=${epoch}`,
      "?offset=1",
      `?epoch=${epoch}&epoch=${epoch}&offset=1`,
      "?epoch=&offset=",
    ]) {
      assert.deepEqual(await told(client, id, query), seen.slice(-1), query);
    }
  });
});

describe("who follows all tasks", () => {
  test("gets the changes of each, as its own followers do", async () => {
    await using server = await TestClient.start(ground().app);
    const client = await Visitor.come(server);
    const all = new Follower(await client.connect("/tasks/"));
    const one = await ended(client);
    const two = await ended(client);
    for (const { id, seen } of [one, two]) {
      const last = await all.until((each) => each.id === id && each.status === "succeeded");
      assert.deepEqual(last, seen.at(-1));
      const mine = all.seen.filter((each) => each.id === id);
      const offsets = mine.map(({ position }) => position.offset);
      assert.deepEqual(
        offsets,
        offsets.map((_, i) => i + 1),
      );
      assert.deepEqual(mine.slice(-seen.length), seen);
    }
  });
});

test("changes of one turn are told one by one, each with its own position", async (t) => {
  const hub = new Hub();
  t.after(() => hub.broker.close());
  const signals: TaskMessage[] = [];
  await hub.broker.subscribe("visitor:v", {
    message: () => {},
    signal: (data) => signals.push(JSON.parse(data)),
    epoch: () => {},
  });
  let listener: JobListener | undefined;
  const queue = {
    free: 1,
    add: (_: Job, given: JobListener) => {
      listener = given;
    },
    cancel: () => {},
    stop: async () => {},
  };
  const spool = await Spool.open();
  t.after(() => spool.close());
  const tasks = new Tasks({ queue, hub, spool, maxResultsBytes: 1_000 });
  const input = { bytes: 0, content: new Uint8Array() };
  const report = (error: Error) => assert.fail(error);
  const { puppet: kind } = testKinds.kinds;
  assert.ok(kind);
  const task = tasks.add({ visitor: "v", name: "puppet", kind, params: {}, input, report });
  listener?.progress(0.1);
  listener?.progress(0.2);
  listener?.ended({ status: "succeeded", result: "1" });
  await task.ended;
  await until(() => signals.length === 4, "four changes");
  assert.deepEqual(
    signals.map(({ status, progress, position }) => [status, progress, position.offset]),
    [
      ["queued", 0, 1],
      ["running", 0.1, 2],
      ["running", 0.2, 3],
      ["succeeded", 1, 4],
    ],
  );
});

test("ten thousand subscriptions to finished tasks leave nothing behind", async () => {
  const { hub, app } = ground();
  // The watch for leftovers sees every promise of a connection; the timers are counted here.
  await using client = await TestClient.start(app, { leftovers: false });
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const ids = [(await ended(client)).id, (await ended(client)).id];
  using puppet = new Puppet();
  const { id } = await submit(client, `puppet?channel=${puppet.name}`);
  assert.equal(await cancel(client, id), 202);
  ids.push(id);
  await nobodyLeft(hub);
  const topics = await hub.broker.topics();
  const timersBefore = timers();
  for (let done = 0; done < 10_000; done += 250) {
    const visits = Array.from({ length: 250 }, (_, i) => visit(client.url, ids[i % 3] ?? ""));
    for (const answer of await Promise.all(visits)) {
      assert.match(answer, /^HTTP\/1\.1 101 .*"status":"(succeeded|cancelled)"/s);
    }
  }
  await nobodyLeft(hub);
  assert.deepEqual(await hub.broker.topics(), topics);
  await until(
    () => timers() <= timersBefore,
    () => `${timersBefore} timers, but there are ${timers()}`,
  );
});

/** Reads what a follower is sent, until the server closes with 1000: ten thousand must be cheap. */
function visit(url: string, id: string): Promise<string> {
  const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
  const end = Buffer.from([0x88, 2, 1000 >> 8, 1000 & 255]);
  let all = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    all = Buffer.concat([all, chunk]);
    if (all.subarray(-end.length).equals(end)) socket.write(frame(8, end.subarray(2)));
  });
  socket.write(handshake(`/tasks/${id}`));
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => resolve(all.toString("latin1")));
  });
}
