import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { echo } from "../../../apps/echo/index.ts";

test("the echo answers every text with the tutorial's line", async () => {
  await using client = await TestClient.start(echo);
  const socket = await client.connect("/");
  for (const text of ["hi", "", "ünï✓😀", "<script>"]) {
    socket.send(text);
    assert.equal(await socket.receive(), `Message text was: ${text}`);
  }
});

test("the echo closes 1003 on a binary message", async () => {
  await using client = await TestClient.start(echo);
  const socket = await client.connect("/");
  socket.send(Buffer.from([1]));
  assert.equal((await socket.closed()).code, 1003);
});
