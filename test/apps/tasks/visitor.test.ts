import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../apps/tasks/index.ts";
import { cancel, Follower, stateOf } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { play } from "./support/puppet.ts";
import { type Talks, Visitor } from "./support/visitor.ts";

ownFolder();

function app(hub?: Hub): App {
  const tasks = createTasks({ kinds: testKinds, threads: 1, ...(hub && { hub }) });
  return new App().mount("/tasks", tasks);
}

async function idsOf(talks: Talks, query = ""): Promise<string[]> {
  const response = await talks.fetch(`/tasks/${query}`);
  assert.equal(response.status, 200);
  return ((await response.json()) as { tasks: { id: string }[] }).tasks.map(({ id }) => id);
}

describe("a visitor", () => {
  test("sees the visitor's own tasks in the list, and nobody else's", async () => {
    await using client = await TestClient.start(app());
    const [ann, bob] = [await Visitor.come(client), await Visitor.come(client)];
    using one = await play(ann);
    using two = await play(bob);
    using three = await play(ann);
    assert.deepEqual(await idsOf(ann), [three.task.id, one.task.id]);
    assert.deepEqual(await idsOf(bob), [two.task.id]);
    assert.deepEqual(await idsOf(client), [], "without a cookie there are none");
    assert.deepEqual(await idsOf(ann, `?after=${three.task.id}`), [one.task.id]);
    const foreign = await bob.fetch(`/tasks/?after=${three.task.id}`);
    assert.equal(foreign.status, 400, "a list of somebody else's is no place in one's own");
    for (const { task } of [one, two, three]) assert.equal(await cancel(client, task.id), 202);
  });

  test("is told of the visitor's own tasks on /tasks/, and of nobody else's", async () => {
    await using client = await TestClient.start(app());
    const [ann, bob] = [await Visitor.come(client), await Visitor.come(client)];
    const followers = [ann, bob, client].map(async (talks) => {
      return new Follower(await talks.connect("/tasks/"));
    });
    const [all, bobs, none] = (await Promise.all(followers)) as [Follower, Follower, Follower];
    using one = await play(ann);
    using two = await play(bob);
    assert.equal(await cancel(client, two.task.id), 202);
    await bobs.status("cancelled");
    assert.equal(await cancel(client, one.task.id), 202);
    await all.status("cancelled");
    assert.deepEqual([...new Set(all.seen.map(({ id }) => id))], [one.task.id]);
    assert.deepEqual([...new Set(bobs.seen.map(({ id }) => id))], [two.task.id]);
    await none.socket.close();
    await assert.rejects(none.socket.receive(), /after 0 messages/);
  });

  test("is known from the first handshake on: the cookie comes with its 101", async () => {
    await using client = await TestClient.start(app());
    const socket = await client.connect("/tasks/");
    const [cookie = ""] = socket.headers["set-cookie"] ?? [];
    assert.match(
      cookie,
      /^visitor=[\w-]{22}; path=\/tasks\/; expires=[^;]+; samesite=strict; httponly$/,
    );
    const headers = { Cookie: cookie.split(";")[0] ?? "", "Content-Type": "text/plain" };
    const path = "/tasks/puppet?channel=x";
    const response = await client.fetch(path, { method: "POST", body: "x", headers });
    const { id } = (await response.json()) as { id: string };
    assert.equal((await socket.receiveJson<{ id: string }>()).id, id);
    assert.equal(await cancel(client, id), 202);
  });

  test("has a cookie that goes over https alone where there is https", async () => {
    await using client = await TestClient.start(app(), { trustProxy: ["loopback"] });
    const headers = { "X-Forwarded-Proto": "https" };
    const response = await client.fetch("/tasks/", { headers });
    assert.match(response.headers.get("set-cookie") ?? "", /; secure; httponly$/);
    await response.body?.cancel();
  });

  for (const name of ["", "x", "a".repeat(21), "a".repeat(23), "a".repeat(4_000), "ä".repeat(22)]) {
    test(`that shows a name of ${name.length} such as "${name.slice(0, 2)}" gets another`, async () => {
      await using client = await TestClient.start(app());
      const Cookie = `visitor=${encodeURIComponent(name)}`;
      const response = await client.fetch("/tasks/", { headers: { Cookie } });
      assert.equal(response.status, 200);
      const [given = ""] = response.headers.getSetCookie();
      assert.match(given, /^visitor=[\w-]{22};/);
      assert.ok(!given.startsWith(`${Cookie};`));
    });
  }

  test("is in no name of a topic, and in nothing that others are told", async () => {
    const hub = new Hub();
    await using client = await TestClient.start(app(hub));
    const ann = await Visitor.come(client);
    const all = new Follower(await ann.connect("/tasks/"));
    using played = await play(ann);
    await all.next();
    assert.equal(await cancel(client, played.task.id), 202);
    await played.follower.end();
    const name = ann.cookie.replace("visitor=", "");
    assert.ok(hub.topics().some((topic) => topic.startsWith("visitor:")));
    const told = [played.follower.seen, all.seen, await stateOf(client, played.task.id)];
    assert.ok(!JSON.stringify([hub.topics(), await hub.broker.topics(), told]).includes(name));
    await hub.broker.close();
  });
});

test("a client without cookies follows, asks for and cancels a task by its id", async () => {
  await using client = await TestClient.start(app());
  const ann = await Visitor.come(client);
  using played = await play(ann);
  const { id } = played.task;
  const asked = await client.fetch(`/tasks/${id}`);
  assert.deepEqual([asked.status, asked.headers.getSetCookie()], [200, []]);
  const socket = await client.connect(`/tasks/${id}`);
  assert.equal((await socket.receiveJson<{ id: string }>()).id, id);
  assert.equal(await cancel(client, id), 202);
});
