import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryBroker } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";
import { Chatter } from "../../support/chatter.ts";
import { withResolvers } from "../../support/deferred.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { enter, serveChat } from "../../support/served-chat.ts";
import { until } from "../../support/within.ts";

describe("presence", () => {
  const members = async (client: TestClient) => {
    const { chatter, welcome } = await Chatter.enter(client, "tea/observer");
    await chatter.socket.close();
    return welcome.members.map(({ id }) => id).filter((id) => id !== "observer");
  };

  test("has a client once, however many tabs, until the last has ended", async () => {
    await using served = await serveChat();
    const { client } = served;
    const ann = await enter(client, "tea/ann");
    const { chatter: one, welcome } = await Chatter.enter(client, "tea/bob");
    const joined = await ann.next("joined");
    const two = await Chatter.enter(client, "tea/bob");
    assert.deepEqual(two.welcome.members, welcome.members, "since the first tab");
    const plain = await client.connect("/chat/tea/bob");
    await one.socket.close();
    await plain.close();
    await until(() => served.rooms.hub.members("tea").length === 2, "two connections");
    await ann.nothingElse();
    assert.deepEqual(await members(client), ["ann", "bob"]);
    await ann.next("joined");
    await ann.next("left");
    two.chatter.socket.terminate();
    assert.deepEqual(await ann.next("left"), { type: "left", member: joined.member });
    await ann.nothingElse();
  });

  test("is right after clients that are gone without a word", async () => {
    await using served = await serveChat();
    const ann = await enter(served.client, "tea/ann");
    for (let i = 0; i < 5; i++) {
      const bob = await enter(served.client, "tea/bob");
      const { member } = await ann.next("joined");
      bob.socket.terminate();
      assert.deepEqual(await ann.next("left"), { type: "left", member });
    }
    assert.deepEqual(await members(served.client), ["ann"]);
  });

  test("is right after a client that is half open: silent, and never closed", async () => {
    const limits = { heartbeatMs: 50, pongTimeoutMs: 50 };
    await using served = await serveChat({ limits });
    const ann = await enter(served.client, "tea/ann");
    const bob = await enter(served.client, "tea/bob");
    const { member } = await ann.next("joined");
    // It reads nothing any more, so it answers no ping; its socket stays.
    bob.socket.ws.pause();
    assert.deepEqual(await ann.next("left"), { type: "left", member });
    assert.deepEqual(served.rooms.hub.members("tea").length, 1);
    bob.socket.terminate();
  });

  test("tells of nobody before the welcome, and the welcome knows them", async () => {
    const broker = new RestartingBroker();
    await using served = await serveChat({ broker });
    const first = await enter(served.client, "tea/first");
    const { promise: opened, resolve: open } = withResolvers<void>();
    broker.afterRead = () => opened;
    const ann = await Chatter.connect(served.client, "tea/ann");
    await first.next("joined");
    broker.afterRead = () => {};
    const bob = await enter(served.client, "tea/bob");
    await first.next("joined");
    const eve = await enter(served.client, "tea/eve");
    await first.next("joined");
    eve.socket.terminate();
    await first.next("left");
    await first.said("1", "meanwhile");
    open();
    const welcome = await ann.next("welcome");
    assert.deepEqual(
      welcome.members.map(({ id }) => id),
      ["first", "ann", "bob"],
    );
    assert.equal((await ann.next("message")).text, "meanwhile");
    bob.socket.terminate();
    assert.equal((await ann.next("left")).member.id, "bob");
  });

  test("and everything else of a room is gone after its last member and message", async () => {
    const broker = new MemoryBroker({ idleMs: 20 });
    await using served = await serveChat({ broker, ageMs: 20 });
    const { chatter: ann, welcome } = await Chatter.enter(served.client, "tea/ann");
    const plain = await served.client.connect("/chat/tea/bob");
    await ann.next("joined");
    await ann.said("1", "hello");
    ann.socket.terminate();
    plain.terminate();
    const { hub, presence } = served.rooms;
    await until(async () => (await broker.topics()).length === 0, "no topics");
    assert.deepEqual([hub.topics(), hub.connections(), presence.topics()], [[], [], []]);
    const again = await Chatter.enter(served.client, "tea/ann");
    assert.notEqual(again.welcome.position.epoch, welcome.position.epoch);
    assert.equal(again.welcome.position.offset, 0);
  });
});
