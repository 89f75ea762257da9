import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../apps/tasks/index.ts";
import { isPing } from "../../../apps/tasks/ping.ts";
import { ownFolder } from "./support/folder.ts";

ownFolder();

test("the events of the tasks answer a ping, and nothing else", async () => {
  await using client = await TestClient.start(new App().mount("/tasks", createTasks()));
  const socket = await client.connect("/tasks/");
  for (const other of ["hello", "7", "null", '{"type":"say"}', "{", new Uint8Array([1])]) {
    await socket.send(other);
  }
  await socket.send('{ "type": "ping" }');
  assert.equal(String(await socket.receive()), '{"type":"pong"}');
});

test("what is long, or no text, is no ping", () => {
  assert.equal(isPing('{"type":"ping"}'), true);
  assert.equal(isPing(JSON.stringify({ type: "ping", padding: "x".repeat(64) })), false);
  assert.equal(isPing(Buffer.from('{"type":"ping"}')), false);
});
