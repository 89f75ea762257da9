import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../apps/tasks/index.ts";
import { cancel, type Follower, follow } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { play } from "./support/puppet.ts";

ownFolder();

const FOLLOWERS = 70;

test("each of many followers is sent the last state of a task before the end", async (t) => {
  const app = new App().mount("/tasks", createTasks({ kinds: testKinds, threads: 1 }));
  await using client = await TestClient.start(app);
  using played = await play(client);
  await played.puppet.ready;
  const followers: Follower[] = [];
  for (let i = 0; i < FOLLOWERS; i++) {
    const follower = await follow(client, played.task.id);
    await follower.next();
    followers.push(follower);
  }
  // Every look at the clock says that a turn has lasted long enough: it has reached 32 of them.
  let now = performance.now();
  const clock = t.mock.method(performance, "now", () => {
    now += 10;
    return now;
  });
  assert.equal(await cancel(client, played.task.id), 202);
  const ends = await Promise.all(followers.map((follower) => follower.end()));
  clock.mock.restore();
  assert.deepEqual(
    ends.map(({ status }) => status),
    followers.map(() => "cancelled"),
  );
});
