// Requests that Node answers by itself, before any listener: an expectation that it does not know, no
// host. A client that sends thousands of them and reads nothing ended the process.

import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { App, createLog } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { Wire } from "../support/wire.ts";
import { until } from "../support/within.ts";

const COUNT = 5_000;
/** Characters of an answer: those to all requests are more than the buffers of two sockets. */
const LENGTH = 10_000;

function app(): App {
  return new App().use(async (ctx) => {
    ctx.body = `read ${(await text(ctx.req)).length}`.padEnd(LENGTH);
  });
}

function request(lines: string[], method = "GET", version = "1.1"): string {
  return `${[`${method} /page HTTP/${version}`, ...lines].join("\r\n")}\r\n\r\n`;
}

function connections({ serving }: TestClient): Promise<number> {
  return new Promise((resolve) => {
    serving.server.getConnections((_, count) => resolve(count));
  });
}

describe("five thousand at once whose answers nobody reads end their connection and nothing else", () => {
  const attacks = {
    "that expect something unknown": request(["Host: localhost", "Expect: x"]),
    "that name no host": request([]),
    "that expect to go on, and have no body": request(
      ["Host: localhost", "Expect: 100-continue", "Content-Length: 0"],
      "POST",
    ),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(`requests ${name}`, async () => {
      await using client = await TestClient.start(app(), { unreadResponseMs: 100 });
      await using wire = await Wire.connect(client.url);
      const came = once(client.serving.server, "connection");
      wire.socket.pause();
      wire.write(attack.repeat(COUNT));
      if ((await connections(client)) === 0) await came;
      const response = await client.fetch("/page", { headers: { Connection: "close" } });
      assert.match(await response.text(), /^read 0 /);
      await until(async () => (await connections(client)) === 0, "the end of all connections");
    });
  }
});

test("an expectation that is unknown is 417 with the headers of every answer, and is logged", async () => {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
  await using client = await TestClient.start(app(), { log });
  await using wire = await Wire.connect(client.url);
  wire.write(request(["Host: localhost", "Expect: x"]));
  const { status, headers, body } = await wire.response();
  assert.deepEqual(
    [status, headers.get("connection"), headers.get("x-content-type-options")],
    [417, "close", "nosniff"],
  );
  assert.equal(body, "expected no other expectation than 100-continue");
  await client.close();
  const logged = lines.map((line) => JSON.parse(line)).find(({ event }) => event === "request");
  assert.deepEqual([logged?.status, logged?.path], [417, "/page"]);
});

test("who expects to go on is told to, and in HTTP/1.0 an expectation means nothing", async () => {
  await using client = await TestClient.start(app());
  await using patient = await Wire.connect(client.url);
  const expecting = ["Host: localhost", "Expect: 100-continue", "Content-Length: 4"];
  patient.write(request([...expecting, "Connection: close"], "POST"));
  assert.equal((await patient.head()).status, 100);
  patient.write("body");
  assert.match((await patient.response()).body, /^read 4 /);
  await using old = await Wire.connect(client.url);
  old.write(request(["Host: localhost", "Expect: x"], "GET", "1.0"));
  assert.equal((await old.response()).status, 200);
});
