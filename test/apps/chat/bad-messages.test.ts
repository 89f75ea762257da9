import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { enter, serveChat } from "../../support/served-chat.ts";

describe("a message that is none", () => {
  const say = (rest: object) => JSON.stringify({ type: "say", ...rest });
  const id = "x".repeat(64);
  const bad: [string, string, "not_json" | "invalid", string | undefined][] = [
    ["no JSON", "hello", "not_json", undefined],
    ["nothing", "", "not_json", undefined],
    ["null", "null", "invalid", undefined],
    ["a list", "[]", "invalid", undefined],
    ["no type", '{"id":"1","text":"x"}', "invalid", "1"],
    ["another type", '{"type":"shout","id":"1","text":"x"}', "invalid", "1"],
    ["one of the server's", '{"type":"ack","id":"1","offset":1}', "invalid", "1"],
    ["no text", say({ id: "1" }), "invalid", "1"],
    ["a text that is a number", say({ id: "1", text: 1 }), "invalid", "1"],
    ["a text that is null", say({ id, text: null }), "invalid", id],
    ["no id", say({ text: "x" }), "invalid", undefined],
    ["an empty id", say({ id: "", text: "x" }), "invalid", undefined],
    ["an id that is too long", say({ id: `${id}x`, text: "x" }), "invalid", undefined],
    ["an id that is a number", say({ id: 1, text: "x" }), "invalid", undefined],
    ["a __proto__ key", '{"type":"say","id":"1","text":"x","__proto__":{}}', "not_json", undefined],
  ];
  for (const [what, text, code, known] of bad) {
    test(`but ${what} is answered with an error${known ? " that has its id" : ""}`, async () => {
      await using served = await serveChat();
      const ann = await enter(served.client, "tea/ann");
      const bob = await enter(served.client, "tea/bob");
      await ann.next("joined");
      ann.socket.send(text);
      const error = await ann.next("error");
      assert.equal(error.code, code);
      assert.equal(error.id, known);
      assert.ok(error.message.length > 0);
      assert.equal((await ann.said("1", "fine")).offset, 1);
      assert.equal((await bob.next("message")).text, "fine");
    });
  }

  test("but binary is no message of this protocol: it closes 1003", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    ann.socket.send(Buffer.from(say({ id: "1", text: "x" })));
    assert.equal((await ann.socket.closed()).code, 1003);
  });

  test("may have fields that are not known, and they go nowhere", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    ann.socket.send(say({ id: "1", text: "x", from: "eve", offset: 7, at: "never" }));
    const { offset, from } = await ann.next("message");
    assert.deepEqual([offset, from], [1, "ann"]);
  });
});
