import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Chatter } from "../../support/chatter.ts";
import { enter, serveChat } from "../../support/served-chat.ts";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("chat.v1", () => {
  test("is what a visit looks like, message by message", async () => {
    await using served = await serveChat();
    const { client } = served;
    const { chatter: ann, welcome } = await Chatter.enter(client, "tea/ann");
    const [self] = welcome.members;
    assert.match(self?.since ?? "", ISO);
    assert.deepEqual(welcome, {
      type: "welcome",
      room: "tea",
      you: "ann",
      position: { epoch: welcome.position.epoch, offset: 0 },
      latest: 0,
      recovered: null,
      members: [{ id: "ann", since: self?.since }],
    });
    const { chatter: bob, welcome: second } = await Chatter.enter(client, "tea/bob");
    assert.deepEqual(
      second.members.map(({ id }) => id),
      ["ann", "bob"],
    );
    assert.deepEqual(second.members[0], self);
    assert.deepEqual(second.position, welcome.position);
    const joined = await ann.next("joined");
    assert.deepEqual(joined, { type: "joined", member: second.members[1] });
    ann.say("1", "hello");
    const message = await ann.next("message");
    assert.match(message.at, ISO);
    assert.deepEqual(message, {
      type: "message",
      offset: 1,
      from: "ann",
      text: "hello",
      at: message.at,
    });
    assert.deepEqual(await ann.next("ack"), { type: "ack", id: "1", offset: 1 });
    assert.deepEqual(await bob.next("message"), message);
    await bob.socket.close();
    assert.deepEqual(await ann.next("left"), { type: "left", member: joined.member });
    await ann.nothingElse();
  });

  test("is chosen by the subprotocol, and everything else gets plain text", async () => {
    await using served = await serveChat();
    const { client } = served;
    for (const protocols of [["chat.v1"], ["other", "chat.v1"], ["chat.v1", "other"]]) {
      const socket = await client.connect("/chat/tea/ann", { protocols });
      assert.equal(socket.protocol, "chat.v1");
      assert.equal((await socket.receiveJson<{ type: string }>()).type, "welcome");
      await socket.close();
    }
    const socket = await client.connect("/chat/tea/ann");
    assert.equal(socket.protocol, "");
    socket.send("hello");
    assert.equal(await socket.receive(), "You wrote: hello");
  });

  test("has the lobby at a client id alone, which is the room of that name", async () => {
    await using served = await serveChat();
    const { client } = served;
    const { chatter: ann, welcome } = await Chatter.enter(client, "ann");
    assert.equal(welcome.room, "lobby");
    const bob = await enter(client, "lobby/bob");
    assert.equal((await ann.next("joined")).member.id, "bob");
    const plain = await client.connect("/chat/eve");
    assert.equal((await ann.next("joined")).member.id, "eve");
    assert.equal((await bob.next("joined")).member.id, "eve");
    await bob.said("1", "hello");
    assert.equal((await ann.next("message")).text, "hello");
    assert.equal(await plain.receive(), "Client #bob says: hello");
  });

  test("meets plain text in one room, and each reads its own", async () => {
    await using served = await serveChat();
    const { client } = served;
    const ann = await enter(client, "tea/ann");
    const bob = await client.connect("/chat/tea/bob");
    assert.equal((await ann.next("joined")).member.id, "bob");
    bob.send('{"type":"say","id":"1","text":"no JSON to me"}');
    const text = '{"type":"say","id":"1","text":"no JSON to me"}';
    assert.equal(await bob.receive(), `You wrote: ${text}`);
    assert.equal(await bob.receive(), `Client #bob says: ${text}`);
    const message = await ann.next("message");
    assert.deepEqual([message.from, message.text, message.offset], ["bob", text, 1]);
    await ann.said("1", "hello");
    assert.equal(await bob.receive(), "Client #ann says: hello");
    const eve = await enter(client, "tea/eve");
    assert.equal((await eve.next("message")).text, text);
    await eve.socket.close();
    assert.equal(await bob.receive(), "Client #eve left the chat");
    await ann.socket.close();
    assert.equal(await bob.receive(), "Client #ann left the chat");
  });

  test("keeps rooms apart, with their offsets, members and ids", async () => {
    await using served = await serveChat();
    const { client } = served;
    const tea = await enter(client, "tea/ann");
    const { chatter: coffee, welcome } = await Chatter.enter(client, "coffee/ann");
    assert.equal(welcome.members.length, 1);
    await tea.said("1", "tea");
    const message = await coffee.said("1", "coffee");
    assert.equal(message.offset, 1);
    await coffee.socket.close();
    await tea.nothingElse();
  });

  test("carries text as it is", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (const text of ["", " ", "<script>", "ü€😀", '"\\\u0000\n\u2028', "x".repeat(60_000)]) {
      assert.equal((await ann.said(text.slice(0, 60) || "empty", text)).text, text);
    }
  });

  test("ends the connection of who says too much 1008, and of nobody else", async () => {
    const limits = { messagesPerSecond: 1, burstMessages: 20 };
    await using served = await serveChat({ limits });
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    await ann.next("joined");
    for (let i = 0; i < 30; i++) bob.say(`${i}`, "spam");
    const closed = await bob.socket.closed();
    assert.deepEqual(closed, { code: 1008, reason: "too many messages a second" });
    let message = await ann.socket.receiveJson<{ type: string }>();
    while (message.type === "message") message = await ann.socket.receiveJson();
    assert.equal(message.type, "left");
    await ann.said("1", "fine");
  });

  test("by default takes 500 messages at once and refuses the hundreds after", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 0; i < 1_000; i++) ann.socket.send("?");
    assert.equal((await ann.socket.closed()).code, 1008);
    for (let i = 0; i < 500; i++) await ann.next("error");
  });
});
