import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { createTasks, type TasksOptions } from "../../../apps/tasks/index.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";
import { until } from "../../support/within.ts";
import { cancel, follow, post, stateOf, submit } from "./support/client.ts";
import { ownFolder } from "./support/folder.ts";
import * as testKinds from "./support/kinds.ts";
import { Puppet, play } from "./support/puppet.ts";
import { type Talks, Visitor } from "./support/visitor.ts";

const folder = ownFolder();

function app(options: TasksOptions = {}): App {
  return new App().mount("/tasks", createTasks({ kinds: testKinds, threads: 1, ...options }));
}

interface Page {
  readonly tasks: { readonly id: string; readonly status: string }[];
  readonly next?: string;
}

async function page(client: Talks, path = "/tasks/"): Promise<Page> {
  const response = await client.fetch(path);
  assert.equal(response.status, 200);
  return (await response.json()) as Page;
}

describe("a submission", () => {
  const mounts = {
    "/tasks": () => app(),
    "/deep/er/tasks": () => new App().mount("/deep/er", app()),
    "/orgs/a%20b/tasks": () => new App().mount("/orgs/:org", app()),
  };

  for (const [prefix, make] of Object.entries(mounts)) {
    test(`is answered 202 with links that lead there, under ${prefix}`, async () => {
      await using client = await TestClient.start(make());
      using puppet = new Puppet();
      const response = await client.fetch(`${prefix}/puppet?channel=${puppet.name}`, {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: "text",
      });
      assert.equal(response.status, 202);
      const { id, ...rest } = (await response.json()) as Record<string, string>;
      assert.match(id ?? "", /^[\w-]{22}$/);
      const url = `${prefix}/${id}`;
      const events = `${client.url.replace("http", "ws").slice(0, -1)}${url}`;
      assert.deepEqual(rest, { kind: "puppet", status: "queued", url, events });
      assert.equal(response.headers.get("location"), url);
      const state = (await (await client.fetch(url)).json()) as { id: string };
      assert.equal(state.id, id);
      const socket = await client.connect(new URL(events).pathname);
      assert.equal((await socket.receiveJson<{ id: string }>()).id, id);
      assert.equal((await client.fetch(url, { method: "DELETE" })).status, 202);
    });
  }

  test("has ids that nobody guesses", async () => {
    await using client = await TestClient.start(app());
    using puppet = new Puppet();
    const path = `puppet?channel=${puppet.name}`;
    const all = await Promise.all(Array.from({ length: 20 }, () => submit(client, path)));
    assert.equal(new Set(all.map(({ id }) => id)).size, 20);
    for (const { id } of all.toReversed()) assert.equal(await cancel(client, id), 202);
  });

  for (const name of ["nothing", "__proto__", "toString", "Puppet"]) {
    test(`of the unknown kind ${name} is answered 404 with the kinds there are`, async () => {
      await using client = await TestClient.start(app());
      const response = await post(client, name);
      assert.equal(response.status, 404);
      assert.equal(await response.text(), "expected one of the kinds puppet, hasty");
    });
  }

  test("with another media type is answered 415 with the ones it may have", async () => {
    await using client = await TestClient.start(app());
    for (const type of ["application/json", "image/png", "text", ""]) {
      const response = await post(client, "puppet?channel=x", "x", { "Content-Type": type });
      assert.equal(response.status, 415, type);
      assert.equal(await response.text(), "expected a Content-Type of text/*");
    }
  });

  test("with parameters that do not fit is answered 400 with the one that is wrong", async () => {
    await using client = await TestClient.start(app());
    for (const [query, wrong] of [
      ["", /^channel: /],
      ["?channel=a&channel=b", /^channel: /],
      ["?channel=a&size=x", /^size: /],
      ["?channel=a&size=10", /^size: /],
      ["?channel=a&size=1.5", /^size: /],
    ] as const) {
      const response = await post(client, `puppet${query}`);
      assert.equal(response.status, 400, query);
      assert.match(await response.text(), wrong);
    }
  });

  test("is refused for its length at once when it says so, and when it is reached if not", async () => {
    await using client = await TestClient.start(app({ maxInputBytes: 200_000 }));
    const visitor = await Visitor.come(client);
    const head = `POST /tasks/puppet?channel=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nCookie: ${visitor.cookie}\r\n`;
    await using announced = await Wire.connect(client.url);
    announced.write(head, "Content-Length: 200001\r\n\r\n");
    assert.equal((await announced.response()).status, 413);
    await using chunked = await Wire.connect(client.url);
    chunked.write(head, "Transfer-Encoding: chunked\r\n\r\n");
    const chunk = Buffer.concat([
      Buffer.from("fa00\r\n"),
      Buffer.alloc(64_000),
      Buffer.from("\r\n"),
    ]);
    chunked.write(chunk, chunk);
    await until(() => folder.held() === 1, "a file for what has come");
    chunked.write(chunk, chunk);
    assert.equal((await chunked.response()).status, 413);
    await until(() => folder.held() === 0, "no file of a refused input");
    assert.deepEqual((await page(visitor)).tasks, []);
  });

  test("that the client breaks off leaves no file and no task", async () => {
    await using client = await TestClient.start(app());
    const visitor = await Visitor.come(client);
    await using wire = await Wire.connect(client.url);
    wire.write(
      "POST /tasks/puppet?channel=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n",
    );
    wire.write(`Cookie: ${visitor.cookie}\r\n`);
    wire.write("Content-Length: 1000000\r\n\r\n", Buffer.alloc(300_000));
    await until(() => folder.held() === 1, "a file for what has come");
    wire.socket.resetAndDestroy();
    await until(() => folder.held() === 0, "no file of a broken upload");
    assert.deepEqual((await page(visitor)).tasks, []);
  });

  test("is refused 503 before its body is read when the queue is full", async () => {
    await using client = await TestClient.start(app({ maxWaiting: 0 }));
    using only = await play(client);
    await using wire = await Wire.connect(client.url);
    wire.write(
      "POST /tasks/puppet?channel=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n",
    );
    wire.write("Content-Length: 1000000\r\n\r\n");
    const { status, headers } = await wire.head();
    assert.equal(status, 503);
    assert.ok(Number(headers.get("retry-after")) > 0);
    assert.equal(folder.held(), 0);
    assert.equal(await cancel(client, only.task.id), 202);
    await only.follower.end();
  });
});

describe("a task over HTTP", () => {
  test("is what its followers are told", async () => {
    await using client = await TestClient.start(app());
    using played = await play(client);
    await played.puppet.ready;
    played.puppet.do({ progress: 0.5, note: "half" });
    const message = await played.follower.until(({ note }) => note === "half");
    assert.deepEqual(await stateOf(client, played.task.id), message);
    played.puppet.do({ succeed: [1, 2] });
    const last = await played.follower.end();
    assert.deepEqual(await stateOf(client, played.task.id), last);
  });

  test("that is unknown is 404, for every method and for the handshake", async () => {
    await using client = await TestClient.start(app());
    for (const id of ["nothing", "AAAAAAAAAAAAAAAAAAAAAA", "__proto__"]) {
      for (const method of ["GET", "HEAD", "DELETE"]) {
        assert.equal((await client.fetch(`/tasks/${id}`, { method })).status, 404);
      }
      await assert.rejects(client.connect(`/tasks/${id}`), (error: HandshakeRefused) => {
        assert.ok(error instanceof HandshakeRefused);
        assert.equal(error.status, 404);
        return true;
      });
    }
  });

  test("answers HEAD as GET without the body, and methods it does not know with 405", async () => {
    await using client = await TestClient.start(app());
    using played = await play(client);
    for (const path of ["/tasks/", played.task.url]) {
      const head = await client.fetch(path, { method: "HEAD" });
      assert.equal(head.status, 200);
      assert.equal(await head.text(), "");
      assert.match(head.headers.get("content-type") ?? "", /^application\/json/);
      const put = await client.fetch(path, { method: "PUT" });
      assert.equal(put.status, 405);
      assert.match(put.headers.get("allow") ?? "", /GET/);
    }
    assert.equal(await cancel(client, played.task.id), 202);
    await played.follower.end();
  });
});

describe("the page of tasks", () => {
  test("has the newest first, and a link to the rest as long as there is one", async () => {
    await using deep = await TestClient.start(new App().mount("/deep", app()));
    const client = await Visitor.come(deep, "/deep/tasks/");
    using puppet = new Puppet();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const response = await client.fetch(`/deep/tasks/puppet?channel=${puppet.name}`, {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: "x",
      });
      ids.unshift(((await response.json()) as { id: string }).id);
    }
    const pages: string[][] = [];
    for (let next: string | undefined = "/deep/tasks/?limit=2"; next !== undefined; ) {
      const found: Page = await page(client, next);
      pages.push(found.tasks.map(({ id }) => id));
      next = found.next;
    }
    assert.deepEqual(pages, [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    const all = await page(client, "/deep/tasks/?limit=5");
    assert.deepEqual([all.tasks.length, all.next], [5, undefined]);
    for (const id of ids) await client.fetch(`/deep/tasks/${id}`, { method: "DELETE" });
  });

  test("says 400 to a limit or a place that is none", async () => {
    await using client = await TestClient.start(app());
    assert.deepEqual(await page(client), { tasks: [] });
    for (const query of ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=", "after=x"]) {
      const response = await client.fetch(`/tasks/?${query}`);
      assert.equal(response.status, 400, query);
      assert.match(await response.text(), /^(limit|after): /);
    }
  });
});

describe("followers", () => {
  test("are not heard: what they say changes nothing", async () => {
    await using client = await TestClient.start(app());
    const visitor = await Visitor.come(client);
    using played = await play(visitor);
    const all = await visitor.connect("/tasks/");
    for (const socket of [played.follower.socket, all]) {
      socket.send("cancel");
      socket.send(Buffer.from([1, 2]));
    }
    await played.puppet.ready;
    played.puppet.do({ succeed: 1 });
    assert.equal((await played.follower.end()).status, "succeeded");
    assert.equal(all.ws.readyState, all.ws.OPEN);
  });

  test("that come with the handshake and a frame at once get the state", async () => {
    await using client = await TestClient.start(app());
    using played = await play(client);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake(`/tasks/${played.task.id}`), frame(1, "hello"));
    assert.equal((await wire.head()).status, 101);
    const { payload } = await wire.frame();
    assert.equal(JSON.parse(payload.toString()).id, played.task.id);
    assert.equal(await cancel(client, played.task.id), 202);
    await (await follow(client, played.task.id)).end();
  });
});
