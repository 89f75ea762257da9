import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { App, attach, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { createTasks } from "../../../apps/tasks/index.ts";
import type { TaskMessage } from "../../../apps/tasks/task.ts";
import { startLifespans } from "../../../lib/app/lifespan.ts";
import { within } from "../../support/within.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { Puppet, play } from "./support/puppet.ts";

const folder = ownFolder();

interface Ground {
  readonly app: App;
  /** The last state that was published of each task, which outlives the app. */
  lastOf(id: string): Promise<TaskMessage>;
}

function ground(): Ground {
  const hub = new Hub();
  const app = new App().mount("/tasks", createTasks({ kinds: testKinds, threads: 1, hub }));
  return {
    app,
    lastOf: async (id) => {
      const { publications } = await hub.broker.read(`task:${id}`);
      return JSON.parse(publications.at(-1)?.data ?? "null");
    },
  };
}

test("a server that stops lets a running task finish within its grace", async () => {
  const { app, lastOf } = ground();
  const client = await TestClient.start(app, { graceSeconds: 60 });
  using running = await play(client, "puppet", "x".repeat(100_000));
  using waiting = await play(client, "puppet", "x".repeat(100_000));
  await running.puppet.ready;
  const closing = client.close();
  assert.equal((await running.follower.socket.closed({ timeoutMs: 60_000 })).code, 1005);
  running.puppet.do({ read: true });
  await closing;
  const { status, result } = await lastOf(running.task.id);
  assert.deepEqual([status, result], ["succeeded", 100_000]);
  assert.equal((await lastOf(waiting.task.id)).status, "cancelled");
  assert.equal(folder.held(), 0);
});

test("a server that stops cancels what has not ended by then, and leaves no file", async () => {
  const { app, lastOf } = ground();
  const client = await TestClient.start(app, { graceSeconds: 1 });
  using running = await play(client, "puppet", "x".repeat(100_000));
  using waiting = await play(client);
  await running.puppet.ready;
  running.puppet.do({ spin: true });
  await client.close();
  for (const { task } of [running, waiting]) {
    assert.equal((await lastOf(task.id)).status, "cancelled");
  }
  assert.equal(folder.held(), 0);
});

test("a server that stops sends followers away with 1012, to come back", async () => {
  const { app } = ground();
  const client = await TestClient.start(app, { graceSeconds: 1 });
  using running = await play(client);
  await running.puppet.ready;
  await client.serving.close();
  assert.equal((await running.follower.socket.closed()).code, 1012);
  await client.close();
});

test("a lifespan that stops while followers are there tells them, and takes nothing more", async () => {
  const { app } = ground();
  const server = http.createServer(app.callback());
  attach(server, app);
  const stop = await startLifespans(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}/tasks`;
  using puppet = new Puppet();
  const submit = () =>
    fetch(`http://${at}/puppet?channel=${puppet.name}`, {
      method: "POST",
      headers: { "Content-Type": "text/plain", Connection: "close" },
      body: "x",
    });
  const ids = [await submit(), await submit()].map(async (response) => {
    return ((await response.json()) as { id: string }).id;
  });
  const ends = await Promise.all(ids.map(async (id) => endOf(`ws://${at}/${await id}`)));
  await puppet.ready;
  await stop({ stopMs: 10_000 });
  assert.equal((await submit()).status, 503);
  for (const [end] of ends) {
    const { code, last } = await within(end, "the end of a follower");
    assert.deepEqual([code, last.status], [1000, "cancelled"]);
  }
  assert.equal(folder.held(), 0);
  server.close();
  await once(server, "close");
});

interface End {
  readonly code: number;
  readonly last: TaskMessage;
}

// Resolves with a promise of the end once the state has come.
async function endOf(url: string): Promise<[Promise<End>]> {
  const socket = new WebSocket(url);
  let last: TaskMessage | undefined;
  socket.on("message", (data) => {
    last = JSON.parse(data.toString());
  });
  const closed = once(socket, "close").then(([code]) => ({ code, last }) as End);
  await once(socket, "message");
  return [closed];
}
