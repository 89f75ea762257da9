import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks, type TasksOptions } from "../../../apps/tasks/index.ts";
import { Wire } from "../../support/wire.ts";
import { until } from "../../support/within.ts";
import { cancel } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { play } from "./support/puppet.ts";

const folder = ownFolder();
const MIB = 1024 * 1024;
/** More than stays in memory, so that the file shows that an upload was let in. */
const BEGINNING = Buffer.alloc(70_000);

function start(options: TasksOptions): Promise<TestClient> {
  const tasks = createTasks({ kinds: testKinds, threads: 1, ...options });
  return TestClient.start(new App().mount("/tasks", tasks), { trustProxy: ["loopback"] });
}

/** An upload that is begun and not ended; one that is let in has a file. */
async function halfOpen(client: TestClient, from: string, length = `Content-Length: ${100 * MIB}`) {
  const wire = await Wire.connect(client.url);
  wire.write(
    "POST /tasks/puppet?channel=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n",
    `X-Forwarded-For: ${from}\r\n${length}\r\n\r\n`,
  );
  return wire;
}

async function statusAndRetry(wire: Wire): Promise<[number, boolean]> {
  const { status, headers } = await wire.head();
  return [status, Number(headers.get("retry-after")) > 0];
}

/** Begins an upload that must be let in. */
async function letIn(client: TestClient, from: string): Promise<Wire> {
  const before = folder.held();
  const wire = await halfOpen(client, from);
  wire.write(BEGINNING);
  await until(() => folder.held() === before + 1, `an upload from ${from} to be let in`);
  return wire;
}

async function isGone(wire: Wire, left: number): Promise<void> {
  wire.socket.resetAndDestroy();
  await until(() => folder.held() === left, "nothing of an upload that has broken off");
}

test("four hundred uploads under way have the places of the queue, and no more", async () => {
  await using client = await start({ maxWaiting: 4 });
  const wires: Wire[] = [];
  for (let i = 0; i < 5; i++) wires.push(await letIn(client, `192.0.2.${i}`));
  for (let i = 5; i < 400; i++) {
    await using wire = await halfOpen(client, `198.51.${i >> 8}.${i & 255}`);
    assert.deepEqual(await statusAndRetry(wire), [503, true]);
  }
  assert.equal(folder.held(), 5);
  await isGone(wires[0] as Wire, 4);
  wires.push(await letIn(client, "192.0.2.99"));
  for (const wire of wires) wire.socket.destroy();
  await until(() => folder.held() === 0, "nothing of all uploads");
});

test("uploads and the inputs of tasks are bounded in bytes together", async () => {
  const length = "Content-Length: 1000000";
  await using client = await start({ maxInputBytes: 1_000_000, maxInputsBytes: 2_100_000 });
  await using first = await halfOpen(client, "192.0.2.1", length);
  first.write(BEGINNING);
  await until(() => folder.held() === 1, "an upload");
  using played = await play(client, "puppet", "x".repeat(500_000));
  for (const announced of [length, "Transfer-Encoding: chunked"]) {
    await using wire = await halfOpen(client, "192.0.2.2", announced);
    assert.deepEqual(await statusAndRetry(wire), [503, true], announced);
  }
  await played.puppet.ready;
  played.puppet.do({ read: true });
  assert.equal((await played.follower.end()).result, 500_000);
  await using chunked = await halfOpen(client, "192.0.2.2", "Transfer-Encoding: chunked");
  chunked.write(`${BEGINNING.length.toString(16)}\r\n`, BEGINNING, "\r\n");
  await until(() => folder.held() === 2, "a chunked upload");
  first.socket.resetAndDestroy();
  chunked.socket.resetAndDestroy();
  await until(() => folder.held() === 0, "nothing of both uploads");
});

test("one client has a share of uploads under way, an IPv6 /64 is one, and others go on", async () => {
  await using client = await start({ maxUploadsPerClient: 2 });
  const [one, two] = [await letIn(client, "2001:db8::1"), await letIn(client, "2001:db8::2")];
  await using third = await halfOpen(client, "2001:db8::3");
  assert.deepEqual(await statusAndRetry(third), [429, true]);
  const other = await letIn(client, "2001:db8:0:1::1");
  await isGone(one, 2);
  const again = await letIn(client, "2001:db8::3");
  for (const wire of [two, other, again]) wire.socket.destroy();
  await until(() => folder.held() === 0, "nothing of all uploads");
  using played = await play(client);
  assert.equal(await cancel(client, played.task.id), 202);
});
