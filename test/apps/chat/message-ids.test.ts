import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COUNT, enter, serveChat } from "../../support/served-chat.ts";

describe("a message id", () => {
  test("that comes again with its text is acknowledged and not delivered twice", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    await ann.said("1", "once");
    await ann.said("2", "next");
    ann.say("1", "once");
    assert.deepEqual(await ann.next("ack"), { type: "ack", id: "1", offset: 1 });
    assert.equal((await bob.next("message")).text, "once");
    assert.equal((await bob.next("message")).text, "next");
    await bob.nothingElse();
  });

  test("that comes again on another connection of the client, too", async () => {
    await using served = await serveChat();
    const first = await enter(served.client, "tea/ann");
    // Gone before it has read its ack.
    first.say("1", "once");
    await first.next("message");
    first.socket.terminate();
    const again = await enter(served.client, "tea/ann");
    assert.equal((await again.next("message")).text, "once");
    again.say("1", "once");
    assert.deepEqual(await again.next("ack"), { type: "ack", id: "1", offset: 1 });
    await again.nothingElse();
  });

  test("that comes with another text is an error, and nothing is delivered", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    await ann.said("1", "once");
    ann.say("1", "other");
    const error = await ann.next("error");
    assert.deepEqual([error.code, error.id], ["id_reused", "1"]);
    ann.say("1", "once");
    assert.equal((await ann.next("ack")).offset, 1);
    await ann.nothingElse();
  });

  test("is each client's own", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    await ann.said("1", "ann's");
    assert.equal((await bob.next("message")).from, "ann");
    assert.equal((await bob.said("1", "bob's")).offset, 2);
  });

  test("is forgotten with its message", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 1; i <= COUNT; i++) await ann.said(`${i}`, `m${i}`);
    ann.say("1", "m1");
    await ann.next("ack");
    await ann.said(`${COUNT + 1}`, "one more");
    assert.equal((await ann.said("1", "another text")).offset, COUNT + 2);
  });
});
