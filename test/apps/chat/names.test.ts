import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { Chatter } from "../../support/chatter.ts";

const RULE = "1–64 characters: letters, marks and digits of any script, _ and -, in NFC";

describe("a name of any script", () => {
  for (const name of [
    "房間",
    "Ольга",
    "नमस्ते",
    "שָׁלוֹם",
    "٣_-",
    "한글",
    "𠮷".repeat(64),
    "caf\u00e9",
  ]) {
    test(`such as ${name.slice(0, 8)} is taken, encoded, and told as it is`, async () => {
      await using client = await serve();
      const encoded = encodeURIComponent(name);
      const { welcome } = await Chatter.enter(client, `${encoded}/${encoded}`);
      assert.deepEqual([welcome.room, welcome.you], [name, name]);
    });
  }

  const bad = {
    "a zero-width space": "a\u200bb",
    "a joiner": "a\u200db",
    "a bidi control": "a\u202eb",
    "an isolate": "a\u2066b",
    "a soft hyphen": "a\u00adb",
    "a Hangul filler, which is a letter": "\u3164",
    "a selector, which is a mark": "a\ufe0f",
    "a grapheme joiner": "a\u034fb",
    "an ideographic space": "房\u3000間",
    "an emoji": "😀",
    "65 code points": "𠮷".repeat(65),
    "another normal form": "cafe\u0301",
    "a separator": "a\u2028b",
    "a private letter": "\ue000",
  };
  for (const [what, name] of Object.entries(bad)) {
    test(`with ${what} is refused 400 with the rule`, async () => {
      await using client = await serve();
      const path = `/chat/tea/${encodeURIComponent(name)}`;
      await assert.rejects(client.connect(path, { protocols: ["chat.v1"] }), (error) => {
        assert.ok(error instanceof HandshakeRefused);
        assert.deepEqual([error.status, error.body], [400, `expected a client id of ${RULE}`]);
        return true;
      });
    });
  }

  for (const name of ["%E6%88", "%FF", "%ED%A0%80", "%C0%AF", "%"]) {
    test(`that does not decode (${name}) is refused 400 with the rule`, async () => {
      await using client = await serve();
      await assert.rejects(client.connect(`/chat/${name}/ann`), (error) => {
        assert.ok(error instanceof HandshakeRefused);
        assert.deepEqual([error.status, error.body], [400, `expected a room name of ${RULE}`]);
        return true;
      });
    });
  }
});

describe("a sign of life", () => {
  test("is answered after what was said before, and only to who asks", async () => {
    await using client = await serve();
    const asks = await client.connect("/chat/tea/ann", { protocols: ["chat.v1"] });
    await asks.receive();
    const other = await client.connect("/chat/tea/bob", { protocols: ["chat.v1"] });
    await other.receive();
    await asks.send('{"type":"say","id":"1","text":"hello"}');
    await asks.send('{"type":"ping"}');
    await asks.send('{"type":"say","id":"2","text":"done"}');
    const types = async (socket: typeof asks, count: number) => {
      const heard: string[] = [];
      for (let i = 0; i < count; i++) heard.push(JSON.parse(String(await socket.receive())).type);
      return heard;
    };
    const heard = await types(asks, 6);
    assert.deepEqual(
      heard.filter((type) => type === "ack" || type === "pong"),
      ["ack", "pong", "ack"],
    );
    assert.deepEqual(await types(other, 2), ["message", "message"]);
  });

  test("is no message of the plain text", async () => {
    await using client = await serve();
    const plain = await client.connect("/chat/tea/ann");
    await plain.send('{"type":"ping"}');
    assert.equal(String(await plain.receive()), 'You wrote: {"type":"ping"}');
  });
});

function serve(): Promise<TestClient> {
  return TestClient.start(new App().mount("/chat", createChat()));
}
