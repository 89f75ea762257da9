import assert from "node:assert/strict";
import { test } from "node:test";
import { createTasks } from "../../../apps/tasks/index.ts";
import { App } from "../../../lib/index.ts";
import { TestClient } from "../../../lib/testing/index.ts";
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
