import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../apps/tasks/index.ts";
import { Wire } from "../../support/wire.ts";
import { follow, post, submit } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as shortKinds from "./support/short-kinds.ts";

ownFolder();

test("a kind of one function takes any input, and gets the query as it is", async () => {
  const app = new App().mount("/tasks", createTasks({ kinds: shortKinds, threads: 1 }));
  await using client = await TestClient.start(app);
  const response = await post(client, "greeting?name=ada&of=1", new Uint8Array([104, 105]), {
    "Content-Type": "application/octet-stream",
  });
  const { id } = (await response.json()) as { id: string };
  const { result } = await (await follow(client, id)).end();
  assert.deepEqual(result, { greeting: "hi", name: "ada", of: "1" });

  const twice = await post(client, "greeting?name=ada&name=bob");
  assert.equal(twice.status, 400);
  assert.match(await twice.text(), /^name: /);
  const none = await submit(client, "greeting", "");
  const last = await (await follow(client, none.id)).end();
  assert.deepEqual(last.result, { greeting: "" });
});

test("a kind that takes any input takes what bare clients send: no type, and no body", async () => {
  const app = new App().mount("/tasks", createTasks({ kinds: shortKinds, threads: 1 }));
  await using client = await TestClient.start(app);
  for (const [rest, greeting] of [
    ["\r\n", ""],
    ["Content-Length: 0\r\n\r\n", ""],
    ["Content-Length: 2\r\n\r\nhi", "hi"],
    ["Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi"],
  ] as const) {
    await using wire = await Wire.connect(client.url);
    wire.write(
      `POST /tasks/greeting?name=ada HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${rest}`,
    );
    const { status, body } = await wire.response();
    assert.equal(status, 202, rest);
    const { id } = JSON.parse(body) as { id: string };
    const { result } = await (await follow(client, id)).end();
    assert.deepEqual(result, { greeting, name: "ada" });
  }
});
