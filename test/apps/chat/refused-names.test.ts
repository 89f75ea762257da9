import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HandshakeRefused } from "koa-subapps/testing";
import { Chatter } from "../../support/chatter.ts";
import { serveChat } from "../../support/served-chat.ts";

const RULE = "1–64 characters: letters, marks and digits of any script, _ and -, in NFC";

describe("a name that is not allowed", () => {
  const names = ["x".repeat(65), "a%20b", "%C3", "a%2Fb", "%00", "a.b", "%", "<b>", "a:b"];
  for (const protocols of [[], ["chat.v1"]]) {
    const kind = protocols.length ? "chat.v1" : "plain text";
    for (const name of names) {
      test(`${name.slice(0, 10)} (${name.length} characters) is refused 400 with the rule, in ${kind}`, async () => {
        await using served = await serveChat();
        for (const [path, what] of [
          [`/chat/${name}/ann`, "room name"],
          [`/chat/tea/${name}`, "client id"],
          [`/chat/${name}`, "client id"],
        ] as const) {
          await assert.rejects(served.client.connect(path, { protocols }), (error) => {
            assert.ok(error instanceof HandshakeRefused);
            assert.equal(error.status, 400);
            assert.equal(error.body, `expected a ${what} of ${RULE}`);
            return true;
          });
        }
        assert.deepEqual([served.rooms.presence.topics(), served.rooms.hub.topics()], [[], []]);
      });
    }
  }

  test("is none of these", async () => {
    await using served = await serveChat();
    for (const name of ["a", "A-Z_09", "x".repeat(64), "__proto__", "-", "constructor"]) {
      const { welcome } = await Chatter.enter(served.client, `${name}/${name}`);
      assert.deepEqual([welcome.room, welcome.you], [name, name]);
      assert.deepEqual(
        welcome.members.map(({ id }) => id),
        [name],
      );
    }
  });
});
