import assert from "node:assert/strict";
import { test } from "node:test";
import { site } from "../../apps/site/index.ts";
import { App } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";
import { handshake, Wire } from "../support/wire.ts";

test("a path with an empty segment at its start is 404 for HTTP and 403 for a handshake", async () => {
  await using client = await TestClient.start(new App().mount("/", site));
  await using http = await Wire.connect(client.url);
  http.write("GET //ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assert.equal((await http.response()).status, 404);
  await using ws = await Wire.connect(client.url);
  ws.write(handshake("//ws/"));
  assert.equal((await ws.response()).status, 403);
});

test("no path leads out of the files that are served", async () => {
  await using client = await TestClient.start(new App().mount("/", site));
  for (const path of [
    "/../package.json",
    "/%2e%2e/package.json",
    "/..%2fpackage.json",
    "/%2e%2e%2fpackage.json",
    "/..\\package.json",
    "/%00",
  ]) {
    await using wire = await Wire.connect(client.url);
    wire.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const { status, body } = await wire.response();
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    assert.ok(!body.includes("koa-subapps"), path);
  }
});
