import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Hub } from "koa-subapps";
import { FanOut } from "../../../lib/topic/fan-out.ts";
import { Held } from "../../support/held.ts";
import { Listener } from "../../support/listener.ts";
import { until } from "../../support/within.ts";

/** Some targets, and a message that takes so long for each that they do not fit into a turn. */
function crowd(size: number) {
  const targets = new Map<number, Listener>();
  const fanOut = new FanOut(targets);
  for (let i = 0; i < size; i++) targets.set(i, new Listener(fanOut.last));
  const slowly =
    (message: number) =>
    ({ got }: Listener) => {
      for (const end = performance.now() + 0.2; performance.now() < end; );
      got.push(message);
    };
  const everybodyHas = (...messages: number[]) =>
    until(
      () => [...targets.values()].every(({ got }) => got.length === messages.length),
      `${messages.length} messages for everybody`,
    ).then(() => {
      for (const { got } of targets.values()) assert.deepEqual(got, messages);
    });
  return { targets, fanOut, slowly, everybodyHas };
}

describe("a fan-out", () => {
  test("brings a message to few at once", () => {
    const { targets, fanOut } = crowd(20);
    fanOut.add(({ got }) => got.push(1));
    for (const { got } of targets.values()) assert.deepEqual(got, [1]);
  });

  test("lets others have their turn before it has reached all of many", async () => {
    const { targets, fanOut, slowly, everybodyHas } = crowd(300);
    fanOut.add(slowly(1));
    let reached = 0;
    setImmediate(() => {
      reached = [...targets.values()].filter(({ got }) => got.length === 1).length;
    });
    await everybodyHas(1);
    assert.ok(reached > 0 && reached < targets.size, `${reached} when others had their turn`);
  });

  test("keeps the order of what comes while a message is on its way", async () => {
    const { fanOut, slowly, everybodyHas } = crowd(200);
    for (let i = 1; i <= 3; i++) fanOut.add(slowly(i));
    await new Promise(setImmediate);
    fanOut.add(slowly(4));
    await everybodyHas(1, 2, 3, 4);
  });

  test("sends nothing more to one that has left while a message was on its way", async () => {
    const { targets, fanOut, slowly, everybodyHas } = crowd(200);
    fanOut.add(slowly(1));
    const last = targets.get(199);
    targets.delete(199);
    await everybodyHas(1);
    assert.deepEqual(last?.got, []);
  });

  test("holds the loop when more waits than its bound, and loses nothing", () => {
    const { targets, fanOut, slowly } = crowd(70);
    fanOut.add(slowly(0));
    for (let i = 1; i <= 65; i++) fanOut.add(({ got }) => got.push(i));
    const all = Array.from({ length: 66 }, (_, i) => i);
    for (const { got } of targets.values()) assert.deepEqual(got, all);
  });

  test("of two gives each its turn", async () => {
    const [one, two] = [crowd(150), crowd(150)];
    one.fanOut.add(one.slowly(1));
    two.fanOut.add(two.slowly(1));
    await Promise.all([one.everybodyHas(1), two.everybodyHas(1)]);
  });
});

/** A member that takes so long to encode for that a crowd does not fit into a turn. */
const slowEncode = (data: string) => {
  for (const end = performance.now() + 0.5; performance.now() < end; );
  return data;
};

describe("a topic whose messages take several turns", () => {
  test("sends one that joins meanwhile only what is published from then on", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    for (const { connection } of await held.openAll(64)) {
      await hub.join("t", connection, { encode: (data) => slowEncode(data) });
    }
    const late = await held.open();
    const published = hub.publish("t", "before");
    const signalled = hub.signal("t", "before as well");
    await hub.join("t", late.connection);
    await Promise.all([published, signalled]);
    await hub.publish("t", "after");
    assert.equal(await late.client.receive(), "after");
  });

  test("sends what everybody is sent to those alone who were there", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const { client, connection } = await held.open();
    await hub.join("t", connection);
    hub.broadcast("to all");
    assert.equal(await client.receive(), "to all");
  });

  for (const length of [100, 20_000]) {
    test(`sends everybody the ${length} bytes that were given, though their memory is used again`, async (t) => {
      await using held = await Held.start();
      const hub = new Hub();
      const all = await held.openAll(64);
      for (const { connection } of all) await hub.join("t", connection);
      // Every look at the clock says that the turn has lasted long enough.
      let now = performance.now();
      const clock = t.mock.method(performance, "now", () => {
        now += 10;
        return now;
      });
      const bytes = Buffer.alloc(length, 1);
      hub.broadcast(bytes);
      bytes.fill(99);
      clock.mock.restore();
      for (const { client } of all)
        assert.deepEqual(await client.receive(), Buffer.alloc(length, 1));
    });
  }

  test("refuses to send everybody what cannot be sent, and sends them what comes next", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const { client, connection } = await held.open();
    await hub.join("t", connection);
    assert.throws(() => hub.broadcast({} as never), /expected a string or bytes to send/);
    hub.broadcast("sound");
    assert.equal(await client.receive(), "sound");
  });

  test("closes a member 1011 whose encoding is no text, and goes on with the next message", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const [one, other] = await held.openAll(2);
    assert.ok(one && other);
    await hub.join("t", one.connection, { encode: () => ({}) as never });
    await hub.join("t", other.connection);
    await hub.publish("t", "first");
    await hub.publish("t", "second");
    assert.equal((await one.connection.closed).code, 1011);
    assert.match(held.errors[0]?.message ?? "", /expected a string or bytes to send/);
    assert.equal(await other.client.receive(), "first");
    assert.equal(await other.client.receive(), "second");
  });

  test("closes members 1011 that it cannot encode for, and sends the others theirs", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const [one, two, other] = await held.openAll(3);
    assert.ok(one && two && other);
    const encode = () => {
      throw new Error("expected by this test");
    };
    for (const { connection } of [one, two]) await hub.join("t", connection, { encode });
    await hub.join("t", other.connection);
    await hub.publish("t", "hello");
    assert.equal((await one.connection.closed).code, 1011);
    assert.equal((await two.connection.closed).code, 1011);
    assert.equal(await other.client.receive(), "hello");
    const messages = held.errors.map(({ message }) => message);
    assert.deepEqual(messages, ["expected by this test"], "told once, not for each member");
  });
});
