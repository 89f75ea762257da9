import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Encode, type History, Hub, MemoryBroker } from "../../../lib/index.ts";
import { Held, receiveUntil } from "../../support/held.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until, within } from "../../support/within.ts";

const HOUR_MS = 3_600_000;
/** What a member with history is sent: `welcome <offset> <recovered>`, then `<offset> <data>`. */
const welcome = ({ position, recovered }: History) => `welcome ${position.offset} ${recovered}`;
const encode: Encode = (data, publication) =>
  publication ? `${publication.offset} ${data}` : `signal ${data}`;

function hubOf(count = 1_000, broker: MemoryBroker | RestartingBroker = new MemoryBroker()): Hub {
  return new Hub({ broker, retention: { count, ageMs: HOUR_MS } });
}

/** A promise, and what settles it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

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
      const { opened, open } = gate();
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

describe("a member with history", () => {
  test("is welcomed first, then sent what is retained, then what comes", async () => {
    await using held = await Held.start();
    const hub = hubOf(3);
    for (const data of ["a", "b", "c", "d"]) await hub.publish("t", data);
    const { client, connection } = await held.open();
    await hub.join("t", connection, { encode, welcome });
    await hub.publish("t", "e");
    // The position is the one before the first message that follows.
    assert.deepEqual(await receiveUntil(client, "5 e"), ["welcome 1 null", "2 b", "3 c", "4 d"]);
  });

  test("gets exactly what came since its position, or all there is and false", async () => {
    await using held = await Held.start();
    const hub = hubOf(3);
    const { position } = await hub.publish("t", "a");
    for (const data of ["b", "c", "d", "e"]) await hub.publish("t", data);
    const all = ["3 c", "4 d", "5 e"];
    for (const [since, expected] of [
      [{ ...position, offset: 5 }, ["welcome 5 true"]],
      [{ ...position, offset: 4 }, ["welcome 4 true", "5 e"]],
      [{ ...position, offset: 2 }, ["welcome 2 true", ...all]],
      [{ ...position, offset: 1 }, ["welcome 2 false", ...all]],
      [{ ...position, offset: 6 }, ["welcome 2 false", ...all]],
      [{ epoch: "another", offset: 5 }, ["welcome 2 false", ...all]],
      ["nonsense", ["welcome 2 false", ...all]],
      [undefined, ["welcome 2 null", ...all]],
    ] as const) {
      const { client, connection } = await held.open();
      await hub.join("t", connection, { encode, welcome, since });
      await connection.send("end");
      assert.deepEqual(await receiveUntil(client, "end"), expected);
    }
  });

  test("that joins while messages are published sees no gap and nothing twice, welcome first", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    // Every step of a join takes as many turns as it likes.
    let turns = 0;
    const pause = async () => {
      for (let i = turns++ % 4; i > 0; i--) await turn();
    };
    Object.assign(broker, { beforeSubscribe: pause, beforeRead: pause, afterRead: pause });
    const hub = hubOf(10_000, broker);
    const pairs = await held.openAll(20);
    const joining: Promise<boolean>[] = [];
    for (let i = 0; i < 400; i++) {
      if (i % 20 === 0) {
        const connection = pairs[i / 20]?.connection;
        if (connection) joining.push(hub.join("t", connection, { encode, welcome }));
      }
      await hub.publish("t", `m${i}`);
      if (i % 3 === 0) await turn();
    }
    await within(Promise.all(joining), "all to have joined");
    await hub.publish("t", "last");
    const all = Array.from({ length: 400 }, (_, i) => `${i + 1} m${i}`);
    for (const { client } of pairs) {
      assert.deepEqual(await receiveUntil(client, "401 last"), ["welcome 0 null", ...all]);
    }
  });

  test("is not sent a signal before its welcome", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const { opened, open } = gate();
    broker.afterRead = () => opened;
    const hub = hubOf(10, broker);
    const { client, connection } = await held.open();
    const joining = hub.join("t", connection, { encode, welcome });
    await hub.signal("t", "too early");
    await turn();
    await hub.signal("t", "too early");
    open();
    await within(joining, "the join");
    await hub.signal("t", "in time");
    assert.deepEqual(await receiveUntil(client, "signal in time"), ["welcome 0 null"]);
  });

  test("that leaves while it catches up is sent nothing more, and may join again at once", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const hub = hubOf(10, broker);
    for (const data of ["a", "b"]) await hub.publish("t", data);
    const { opened, open } = gate();
    broker.afterRead = () => opened;
    const { client, connection } = await held.open();
    const first = hub.join("t", connection, { encode, welcome });
    await turn();
    hub.leave("t", connection);
    broker.afterRead = () => {};
    await hub.join("t", connection, { encode, welcome });
    open();
    await within(first, "the first join");
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(client, "3 last"), ["welcome 0 null", "1 a", "2 b"]);
  });

  test("that is slow while the history overflows is told so by a second welcome", async () => {
    await using held = await Held.start({ highWaterBytes: 1_024 });
    // Room for three messages that no socket takes at once.
    const hub = hubOf(3, new MemoryBroker({ maxBytes: 1024 ** 3 }));
    const big = "x".repeat(8 * 1024 * 1024);
    for (let i = 0; i < 3; i++) await hub.publish("t", big);
    const { client, connection } = await held.open();
    client.ws.pause();
    const joining = hub.join("t", connection, { encode, welcome });
    await until(() => !connection.ready, "the client to be behind");
    for (let i = 4; i <= 9; i++) await hub.publish("t", `m${i}`);
    client.ws.resume();
    await within(joining, "the join");
    await hub.publish("t", "last");
    const received = (await receiveUntil(client, "10 last")).map((text) =>
      text.slice(0, 20).trim(),
    );
    assert.deepEqual(
      received.filter((text) => !text.includes("xxx")),
      ["welcome 0 null", "welcome 6 false", "7 m7", "8 m8", "9 m9"],
    );
    // What it was sent before had no gap either.
    assert.deepEqual(
      received.filter((text) => text.includes("xxx")).map((text) => text.split(" ")[0]),
      ["1", "2", "3"],
    );
    assert.ok(received.indexOf("welcome 6 false") === 4, String(received));
  });

  test("is welcomed anew when the epoch changes, and a member without history just goes on", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const hub = hubOf(10, broker);
    const [ann, bob] = await held.openAll(2);
    assert.ok(ann && bob);
    const epochs: string[] = [];
    const noting = (history: History) => {
      epochs.push(history.position.epoch);
      return welcome(history);
    };
    await hub.join("t", ann.connection, { encode, welcome: noting });
    await hub.join("t", bob.connection, { encode });
    await hub.publish("t", "a");
    const { epoch } = await broker.restart("t");
    await hub.publish("t", "b");
    await until(() => epochs.length === 2, "the second welcome");
    await hub.publish("t", "c");
    await turn();
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(ann.client, "3 last"), [
      "welcome 0 null",
      "1 a",
      "welcome 0 false",
      "1 b",
      "2 c",
    ]);
    assert.deepEqual(await receiveUntil(bob.client, "3 last"), ["1 a", "1 b", "2 c"]);
    assert.equal(epochs[1], epoch);
    assert.notEqual(epochs[0], epoch);
  });

  for (const moment of ["beforeRead", "afterRead"] as const) {
    test(`that is catching up (${moment}) when the epoch changes is not sent anything twice`, async () => {
      await using held = await Held.start();
      const broker = new RestartingBroker();
      const hub = hubOf(10, broker);
      for (const data of ["a", "b"]) await hub.publish("t", data);
      const { opened, open } = gate();
      broker[moment] = () => opened;
      const { client, connection } = await held.open();
      const joining = hub.join("t", connection, { encode, welcome });
      await turn();
      await broker.restart("t");
      await hub.publish("t", "c");
      broker[moment] = () => {};
      open();
      await within(joining, "the join");
      await hub.publish("t", "last");
      assert.deepEqual(await receiveUntil(client, "2 last"), [
        // What it had read before was no lie, and the new beginning is said.
        ...(moment === "afterRead" ? ["welcome 0 null", "1 a", "2 b", "welcome 0 false"] : []),
        ...(moment === "beforeRead" ? ["welcome 0 null"] : []),
        "1 c",
      ]);
    });
  }

  test("is closed 1013 when the history of a new epoch cannot be read", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const hub = hubOf(10, broker);
    const { client, connection } = await held.open();
    await hub.join("t", connection, { encode, welcome });
    broker.beforeRead = () => Promise.reject(new Error("the broker is away"));
    await broker.restart("t");
    const closed = await client.closed();
    assert.deepEqual(closed, { code: 1013, reason: "the history cannot be read" });
  });
});
