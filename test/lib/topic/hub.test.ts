import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Held, receiveUntil } from "../../support/held.ts";
import { hubOf } from "../../support/hub-of.ts";
import { until } from "../../support/within.ts";

describe("the registry", () => {
  test("says who is connected, since when, to which mount and topics", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const before = Date.now();
    const root = await held.open("/?token=secret");
    const mounted = await held.open("/mounted/");
    const after = Date.now();
    await hub.join("t", root.connection);
    await hub.join("u", root.connection);
    await hub.join("t", mounted.connection);
    assert.deepEqual(
      hub.connections().map(({ connection: { path, mountPath }, topics }) => ({
        path,
        mountPath,
        topics,
      })),
      [
        { path: "/", mountPath: "", topics: ["t", "u"] },
        { path: "/mounted/", mountPath: "/mounted", topics: ["t"] },
      ],
    );
    for (const { connection } of hub.connections()) {
      const since = Date.parse(connection.since);
      assert.equal(new Date(since).toISOString(), connection.since);
      assert.ok(before <= since && since <= after);
    }
    hub.leave("u", root.connection);
    assert.deepEqual(hub.connections()[0]?.topics, ["t"]);
    hub.leave("t", root.connection);
    assert.deepEqual(
      hub.connections().map(({ connection }) => connection),
      [mounted.connection],
    );
    assert.deepEqual([hub.topics(), hub.members("t")], [["t"], [mounted.connection]]);
    assert.deepEqual(hub.members("u"), []);
  });

  test("finds one connection by its id, to send to it or to close it", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const [ann, bob] = await held.openAll(2);
    assert.ok(ann && bob);
    await hub.join("t", ann.connection);
    await hub.join("t", bob.connection);
    assert.equal(hub.find(ann.connection.id), ann.connection);
    assert.equal(hub.find("nobody"), undefined);
    await hub.find(ann.connection.id)?.send("for you alone");
    hub.find(ann.connection.id)?.close(4001, "go");
    assert.equal(await ann.client.receive(), "for you alone");
    assert.deepEqual(await ann.client.closed(), { code: 4001, reason: "go" });
    await until(() => hub.find(ann.connection.id) === undefined, "ann to be gone");
    await hub.publish("t", "only bob");
    assert.equal(await bob.client.receive(), "only bob");
  });

  for (const what of [{ a: 1 }, 7, undefined, null, Buffer.from("bytes")]) {
    test(`refuses to publish ${typeof what} ${what}, and nobody is any the worse`, async () => {
      await using held = await Held.start();
      const hub = hubOf();
      const { client, connection } = await held.open();
      await hub.join("t", connection);
      const refusal = /^expected a string to publish, but got \w+; use JSON.stringify for objects$/;
      assert.throws(() => hub.publish("t", what as never), { name: "TypeError", message: refusal });
      assert.throws(() => hub.signal("t", what as never), { name: "TypeError", message: refusal });
      await hub.publish("t", "sound");
      assert.equal(await client.receive(), "sound");
      assert.deepEqual(held.errors, []);
    });
  }

  test("reaches everybody once, or everybody but one", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const [ann, bob, eve] = await held.openAll(3);
    assert.ok(ann && bob && eve);
    await hub.join("t", ann.connection);
    await hub.join("u", ann.connection);
    await hub.join("u", bob.connection);
    await hub.join("w", eve.connection);
    hub.broadcast("all");
    hub.broadcast("others", { except: ann.connection });
    hub.broadcast("last");
    assert.deepEqual(await receiveUntil(ann.client, "last"), ["all"]);
    for (const { client } of [bob, eve]) {
      assert.deepEqual(await receiveUntil(client, "last"), ["all", "others"]);
    }
  });

  test("closes the members of one topic, or everybody", async () => {
    await using held = await Held.start();
    const hub = hubOf();
    const [ann, bob, eve] = await held.openAll(3);
    assert.ok(ann && bob && eve);
    await hub.join("t", ann.connection);
    await hub.join("t", bob.connection);
    await hub.join("u", bob.connection);
    await hub.join("u", eve.connection);
    hub.closeTopic("t", 4002, "the topic ends");
    hub.closeTopic("nowhere");
    for (const { client } of [ann, bob]) {
      assert.deepEqual(await client.closed(), { code: 4002, reason: "the topic ends" });
    }
    await until(() => hub.connections().length === 1, "only eve in the registry");
    await hub.publish("u", "still here");
    assert.equal(await eve.client.receive(), "still here");
    hub.closeAll();
    assert.equal((await eve.client.closed()).code, 1000);
    await until(() => hub.connections().length === 0, "an empty registry");
    assert.deepEqual(hub.topics(), []);
  });
});
