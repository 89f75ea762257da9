import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type History, MemoryBroker } from "koa-subapps";
import { withResolvers } from "../../support/deferred.ts";
import { Held, receiveUntil } from "../../support/held.ts";
import { encode, hubOf, welcome } from "../../support/hub-of.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until, within } from "../../support/within.ts";

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
    const { promise: opened, resolve: open } = withResolvers<void>();
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
    const { promise: opened, resolve: open } = withResolvers<void>();
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
      const { promise: opened, resolve: open } = withResolvers<void>();
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
