import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { z } from "zod";

const say = z.object({
  type: z.literal("say"),
  text: z.string().max(20),
  n: z.number().int().optional(),
});
const said = z.object({ type: z.literal("said"), text: z.string() });

function app(invalid?: (misfit: { code: string; message: string }) => unknown): App {
  const options = { receive: say, send: said, ...(invalid && { invalid }) };
  return new App().websocket("/", options, async (socket) => {
    for await (const { text } of socket) await socket.sendJson({ type: "said", text });
  });
}

const misfits: [string, string, RegExp][] = [
  ["what is no JSON", "{", /expected a JSON message/],
  ["a wrong type", '{"type":"say","text":1}', /^text: /],
  ["a missing field", '{"type":"say"}', /^text: /],
  ["another message", '{"type":"shout","text":"x"}', /^type: /],
  ["an array", "[]", /./],
  ["null", "null", /./],
  ["a number out of range", '{"type":"say","text":"x","n":1e400}', /^n: /],
  ["a text that is too long", `{"type":"say","text":"${"x".repeat(21)}"}`, /^text: /],
  [
    "a __proto__ key",
    '{"type":"say","text":"x","__proto__":{"admin":true}}',
    /expected a JSON message/,
  ],
  [
    "a hidden __proto__ key",
    '{"type":"say","text":"x","\\u005f_proto__":{"admin":true}}',
    /expected a JSON message/,
  ],
  [
    "a constructor.prototype key",
    '{"constructor":{"prototype":{"admin":true}}}',
    /expected a JSON message/,
  ],
  ["very deep nesting", `${"[".repeat(30_000)}${"]".repeat(30_000)}`, /./],
];

describe("a route with schemas", () => {
  test("gives the handler only what fits, parsed", async () => {
    await using client = await TestClient.start(app());
    const socket = await client.connect("/");
    socket.sendJson({ type: "say", text: "hi", unknown: "is dropped" });
    assert.deepEqual(await socket.receiveJson(), { type: "said", text: "hi" });
  });

  test("takes the last of duplicate keys, as JSON.parse does", async () => {
    await using client = await TestClient.start(app());
    const socket = await client.connect("/");
    socket.send('{"type":"say","text":1,"text":"last"}');
    assert.deepEqual(await socket.receiveJson(), { type: "said", text: "last" });
  });

  for (const [what, text, reason] of misfits) {
    test(`closes 1007 on ${what}, and the process and its neighbours live on`, async () => {
      await using client = await TestClient.start(app());
      const neighbour = await client.connect("/");
      const socket = await client.connect("/");
      socket.send(text);
      const closed = await socket.closed();
      assert.equal(closed.code, 1007);
      assert.match(closed.reason, reason);
      neighbour.sendJson({ type: "say", text: "fine" });
      assert.deepEqual(await neighbour.receiveJson(), { type: "said", text: "fine" });
      assert.equal(({} as { admin?: boolean }).admin, undefined);
    });
  }

  test("answers a misfit where the route says how, and stays open", async () => {
    await using client = await TestClient.start(
      app(({ code, message }) => ({ type: "error", code, message })),
    );
    const socket = await client.connect("/");
    socket.send("{");
    assert.deepEqual(await socket.receiveJson(), {
      type: "error",
      code: "not_json",
      message: "expected a JSON message",
    });
    socket.sendJson({ type: "say", text: "hi" });
    assert.deepEqual(await socket.receiveJson(), { type: "said", text: "hi" });
  });

  test("answers nothing to a misfit where the route says so, and stays open", async () => {
    const seen: string[] = [];
    await using client = await TestClient.start(app(({ code }) => void seen.push(code)));
    const socket = await client.connect("/");
    socket.send("{");
    socket.sendJson({ type: "say", text: "hi" });
    assert.deepEqual(await socket.receiveJson(), { type: "said", text: "hi" });
    assert.deepEqual(seen, ["not_json"]);
  });

  const asynchronous: StandardSchemaV1 = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => Promise.reject(new Error("heard by nobody")),
    },
  };
  for (const [what, options, message, reason] of [
    [
      "an answer to a misfit that throws",
      {
        receive: say,
        invalid() {
          throw new Error("broken");
        },
      },
      "{",
      /^broken$/,
    ],
    ["an answer that JSON cannot say", { receive: say, invalid: () => 1n }, "{", /BigInt/],
    [
      "a schema that checks asynchronously",
      { receive: asynchronous },
      '{"type":"say","text":"x"}',
      /expected a schema that checks synchronously/,
    ],
  ] as const) {
    test(`closes 1011 for ${what}, tells the app, and the process lives on`, async () => {
      const faulty = new App().websocket("/", options, (socket) => socket.closed.then(() => {}));
      const error = once(faulty, "error");
      await using client = await TestClient.start(faulty);
      const neighbour = await client.connect("/");
      const socket = await client.connect("/");
      socket.send(message);
      assert.deepEqual(await socket.closed(), { code: 1011, reason: "internal error" });
      const [{ message: told }, ctx] = await error;
      assert.match(told, reason);
      assert.equal(ctx.app, faulty);
      assert.equal((await neighbour.close()).code, 1000);
    });
  }

  test("does not send what does not fit its own schema: that is an error of the handler", async () => {
    const broken = new App().websocket("/", { receive: say, send: said }, async (socket) => {
      await socket.sendJson({ type: "said", text: 1 } as never);
    });
    const error = once(broken, "error");
    await using client = await TestClient.start(broken);
    assert.equal((await (await client.connect("/")).closed()).code, 1011);
    assert.match((await error)[0].message, /send schema: text: /);
  });
});

test("routes at one path are chosen by the subprotocol that the client offers", async () => {
  const two = new App();
  two.websocket(
    "/",
    { receive: say, protocols: ["chat.v1"] },
    (socket) => void socket.sendJson("v1"),
  );
  two.websocket("/", (socket) => void socket.send("plain"));
  await using client = await TestClient.start(two);
  const plain = await client.connect("/");
  assert.equal(await plain.receive(), "plain");
  const json = await client.connect("/", { protocols: ["x", "chat.v1"] });
  assert.equal(json.protocol, "chat.v1");
  assert.equal(await json.receive(), '"v1"');
  const other = await client.connect("/", { protocols: [] });
  assert.equal(await other.receive(), "plain");
});
