import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Encode, Hub, MemoryBroker } from "koa-subapps";
import { withResolvers } from "../../support/deferred.ts";
import { Held, receiveUntil } from "../../support/held.ts";
import { encode, hubOf, welcome } from "../../support/hub-of.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until, within } from "../../support/within.ts";

describe("a topic", () => {
  test("is joined once, and a publication reaches its members and nobody else", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const [ann, bob, eve] = await held.openAll(3);
    assert.ok(ann && bob && eve);
    assert.equal(await hub.join("t", ann.connection), true);
    assert.equal(await hub.join("t", bob.connection), true);
    assert.equal(await hub.join("other", eve.connection), true);
    assert.equal(await hub.join("t", ann.connection), false);
    await hub.publish("t", "a");
    await hub.publish("other", "b");
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(ann.client, "last"), ["a"]);
    assert.deepEqual(await receiveUntil(bob.client, "last"), ["a"]);
    assert.equal(await eve.client.receive(), "b");
  });

  test("is left by its member, who gets nothing more, and may be joined again", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const { client, connection } = await held.open();
    await hub.join("t", connection);
    assert.equal(hub.leave("t", connection), true);
    assert.equal(hub.leave("t", connection), false);
    assert.equal(hub.leave("nowhere", connection), false);
    await hub.publish("t", "unheard");
    await hub.join("t", connection);
    await hub.publish("t", "heard");
    assert.equal(await client.receive(), "heard");
  });

  test("is left by a connection that ends, and then leaves nothing behind", async () => {
    await using held = await Held.start();
    const hub = new Hub({ broker: new MemoryBroker({ idleMs: 0 }) });
    const [ann, bob] = await held.openAll(2);
    assert.ok(ann && bob);
    for (const { connection } of [ann, bob]) {
      await hub.join("t", connection);
      await hub.join("u", connection);
    }
    ann.client.terminate();
    await until(() => hub.connections().length === 1, "one connection in the registry");
    assert.deepEqual([hub.members("t"), hub.members("u")], [[bob.connection], [bob.connection]]);
    await bob.client.close();
    await until(() => hub.connections().length === 0, "an empty registry");
    assert.deepEqual(hub.topics(), []);
    assert.deepEqual(await hub.broker.topics(), []);
  });

  test("is not joined by a connection that has ended, and is not opened for it", async () => {
    await using held = await Held.start();
    const hub = new Hub({ broker: new MemoryBroker({ idleMs: 0 }) });
    const { client, connection } = await held.open();
    client.terminate();
    await within(connection.closed, "the end");
    assert.equal(await hub.join("t", connection), false);
    assert.deepEqual([hub.topics(), hub.connections()], [[], []]);
    assert.deepEqual(await hub.broker.topics(), []);
  });

  test("is joined by a connection that ends meanwhile, and leaves nothing behind", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker({ idleMs: 0 });
    const hub = hubOf(10, broker);
    for (const moment of ["beforeSubscribe", "beforeRead", "afterRead"] as const) {
      const { promise: opened, resolve: open } = withResolvers<void>();
      broker[moment] = () => opened;
      const { client, connection } = await held.open();
      const joining = hub.join("t", connection, { encode, welcome });
      client.terminate();
      await within(connection.closed, "the end");
      open();
      await within(joining, `the join that was held ${moment}`);
      broker[moment] = () => {};
      await until(async () => (await broker.topics()).length === 0, `no topic after ${moment}`);
      assert.deepEqual([hub.topics(), hub.connections()], [[], []]);
    }
  });

  test("that the broker cannot subscribe to is not joined, and may be tried again", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const hub = hubOf(10, broker);
    const { client, connection } = await held.open();
    for (const moment of ["beforeSubscribe", "beforeRead"] as const) {
      broker[moment] = () => Promise.reject(new Error("the broker is away"));
      await assert.rejects(
        hub.join("t", connection, { encode, welcome }),
        /^Error: the broker is away$/,
      );
      assert.deepEqual([hub.topics(), hub.connections()], [[], []]);
      broker[moment] = () => {};
    }
    assert.equal(await hub.join("t", connection, { encode, welcome }), true);
    assert.equal(await client.receive(), "welcome 0 null");
  });

  test("gets signals that pass and are not retained", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const [ann, bob] = await held.openAll(2);
    assert.ok(ann && bob);
    await hub.join("t", ann.connection, { encode });
    await hub.signal("t", "x");
    await hub.signal("nobody's", "x");
    await hub.publish("t", "a");
    await hub.join("t", bob.connection, { encode, welcome });
    assert.deepEqual(await receiveUntil(ann.client, "1 a"), ["signal x"]);
    assert.deepEqual(await receiveUntil(bob.client, "1 a"), ["welcome 0 null"]);
  });

  test("is encoded once for all members of a kind, and not sent where nothing comes of it", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const pairs = await held.openAll(6);
    let encoded = 0;
    const loud: Encode = (data) => {
      encoded++;
      return data.toUpperCase();
    };
    const quiet: Encode = (data) => (data === "last" ? data : undefined);
    for (const [i, { connection }] of pairs.entries()) {
      await hub.join("t", connection, { encode: i % 2 ? quiet : loud });
    }
    await hub.publish("t", "a");
    await hub.signal("t", "s");
    await hub.publish("t", "last");
    assert.equal(encoded, 3);
    for (const [i, { client }] of pairs.entries()) {
      const received = await receiveUntil(client, i % 2 ? "last" : "LAST");
      assert.deepEqual(received, i % 2 ? [] : ["A", "S"]);
    }
  });

  test("publishes once with a key", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const { client, connection } = await held.open();
    await hub.join("t", connection);
    assert.equal((await hub.publish("t", "a", { key: "k" })).outcome, "published");
    assert.equal((await hub.publish("t", "a", { key: "k" })).outcome, "repeated");
    assert.equal((await hub.publish("t", "b", { key: "k" })).outcome, "conflict");
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(client, "last"), ["a"]);
  });
});
