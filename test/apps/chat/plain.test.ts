import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App } from "koa-subapps";
import { HandshakeRefused, TestClient } from "koa-subapps/testing";
import { chat } from "../../../apps/chat/index.ts";

const app = new App().mount("/chat", chat);

describe("the chat in plain text", () => {
  test("has the tutorial's transcript", async () => {
    await using client = await TestClient.start(app);
    const ann = await client.connect("/chat/1");
    const bob = await client.connect("/chat/2");
    ann.send("hello");
    assert.equal(await ann.receive(), "You wrote: hello");
    assert.equal(await ann.receive(), "Client #1 says: hello");
    assert.equal(await bob.receive(), "Client #1 says: hello");
    bob.send("hi");
    assert.equal(await bob.receive(), "You wrote: hi");
    assert.equal(await bob.receive(), "Client #2 says: hi");
    assert.equal(await ann.receive(), "Client #2 says: hi");
    await bob.close();
    assert.equal(await ann.receive(), "Client #2 left the chat");
  });

  test("says of every connection that it left, also of one of two with the same id", async () => {
    await using client = await TestClient.start(app);
    const one = await client.connect("/chat/same");
    const two = await client.connect("/chat/same");
    two.terminate();
    assert.equal(await one.receive(), "Client #same left the chat");
    one.send("still here");
    assert.equal(await one.receive(), "You wrote: still here");
  });

  test("reaches the room it is in and no other; rooms need not be made", async () => {
    await using client = await TestClient.start(app);
    const tea = await client.connect("/chat/plain-tea/ann");
    const coffee = await client.connect("/chat/plain-coffee/ann");
    const lobby = await client.connect("/chat/ann");
    const bob = await client.connect("/chat/plain-tea/bob");
    bob.send("hello");
    assert.equal(await tea.receive(), "Client #bob says: hello");
    await bob.close();
    assert.equal(await tea.receive(), "Client #bob left the chat");
    for (const other of [coffee, lobby]) {
      other.send("nobody else here");
      assert.equal(await other.receive(), "You wrote: nobody else here");
      assert.equal(await other.receive(), "Client #ann says: nobody else here");
    }
  });

  test("promises no history: who comes later reads what is said from then on", async () => {
    await using client = await TestClient.start(app);
    const ann = await client.connect("/chat/plain-late/ann");
    ann.send("early");
    assert.equal(await ann.receive(), "You wrote: early");
    assert.equal(await ann.receive(), "Client #ann says: early");
    const bob = await client.connect("/chat/plain-late/bob?epoch=x&offset=0");
    bob.send("late");
    assert.equal(await bob.receive(), "You wrote: late");
    assert.equal(await bob.receive(), "Client #bob says: late");
  });

  test("is not disturbed by a member that misbehaves", async () => {
    await using client = await TestClient.start(app);
    const ann = await client.connect("/chat/ann");
    const bad = await client.connect("/chat/bad");
    bad.send(Buffer.from([0xff]));
    assert.equal((await bad.closed()).code, 1003);
    assert.equal(await ann.receive(), "Client #bad left the chat");
    const big = await client.connect("/chat/big");
    big.send("x".repeat(70_000));
    assert.equal((await big.closed()).code, 1009);
    assert.equal(await ann.receive(), "Client #big left the chat");
    ann.send("fine");
    assert.equal(await ann.receive(), "You wrote: fine");
    assert.equal(await ann.receive(), "Client #ann says: fine");
  });
});

describe("a client id", () => {
  for (const id of ["a", "A-Z_09", "x".repeat(64)]) {
    test(`may be ${id.slice(0, 10)} (${id.length} characters)`, async () => {
      await using client = await TestClient.start(app);
      await client.connect(`/chat/${id}`);
    });
  }

  for (const id of ["x".repeat(65), "a%20b", "%C3", "a%2Fb", "%00", "a.b", "%", "<b>"]) {
    test(`may not be ${id.slice(0, 10)} (${id.length} characters)`, async () => {
      await using client = await TestClient.start(app);
      await assert.rejects(client.connect(`/chat/${id}`), (error: HandshakeRefused) => {
        assert.ok(error instanceof HandshakeRefused);
        assert.equal(error.status, 400);
        assert.equal(
          error.body,
          "expected a client id of 1–64 characters: letters, marks and digits of any script, _ and -, in NFC",
        );
        return true;
      });
    });
  }
});
