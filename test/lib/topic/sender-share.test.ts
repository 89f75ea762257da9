import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CloseError, Hub } from "koa-subapps";
import { Overdraft } from "../../../lib/topic/overdraft.ts";
import { Held, receiveUntil } from "../../support/held.ts";
import { within } from "../../support/within.ts";

const KIB = "x".repeat(1_024);

describe("an account that may be overdrawn", () => {
  test("gives what is asked for, then has the next one wait until it is made up for", () => {
    const account = new Overdraft(1_000, 100, 0);
    assert.deepEqual([account.waitMs(0), account.isFull(0)], [0, true]);
    account.take(99, 0);
    assert.deepEqual([account.waitMs(0), account.isFull(0)], [0, false]);
    account.take(1_001, 0);
    assert.equal(account.waitMs(0), 1_000);
    assert.equal(account.waitMs(400), 600);
    assert.equal(account.waitMs(1_001), 0);
    assert.equal(account.isFull(10_000), true);
    account.take(101, 10_000);
    assert.equal(account.waitMs(10_000), 1, "it saves up no more than its burst");
  });

  test("may have no bound, and may never get anything back", () => {
    const [endless, once] = [new Overdraft(Number.POSITIVE_INFINITY, 1, 0), new Overdraft(0, 1, 0)];
    for (const account of [endless, once]) account.take(1e9, 0);
    assert.equal(endless.waitMs(0), 0);
    assert.equal(once.waitMs(1e9), Number.POSITIVE_INFINITY);
  });
});

describe("what one connection publishes beyond its share", () => {
  test("waits, while others publish theirs and what no connection has sent", async () => {
    await using held = await Held.start();
    const hub = new Hub({ share: { bytesPerSecond: 0, burstBytes: 2_000 } });
    const [loud, other] = await held.openAll(2);
    assert.ok(loud && other);
    await hub.join("t", other.connection);
    const from = loud.connection;
    for (let i = 0; i < 2; i++) await hub.publish("t", KIB, { from });
    let published = false;
    const third = hub.publish("t", "third", { from }).finally(() => {
      published = true;
    });
    await hub.publish("t", "other", { from: other.connection });
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(other.client, "last"), [KIB, KIB, "other"]);
    assert.equal(published, false);
    loud.client.terminate();
    const refusal = (error: unknown) => error instanceof CloseError && error.code === 1008;
    await assert.rejects(within(third, "the wait to end with the connection"), refusal);
  });

  test("comes in the order in which it was published, when it is its turn", async () => {
    await using held = await Held.start();
    const hub = new Hub({ share: { bytesPerSecond: 100_000, burstBytes: 1_000 } });
    const { client, connection } = await held.open();
    await hub.join("t", connection);
    const texts = Array.from({ length: 20 }, (_, i) => `${i} ${"x".repeat((i * 379) % 1_000)}`);
    const all = texts.map((text) => hub.publish("t", text, { from: connection }));
    const outcomes = await within(Promise.all(all), "all to be published");
    assert.deepEqual(
      outcomes.map(({ position }) => position.offset),
      texts.map((_, i) => i + 1),
    );
    await connection.send("last");
    assert.deepEqual(await receiveUntil(client, "last"), texts);
  });

  test("is counted in bytes, not in characters", async () => {
    await using held = await Held.start();
    const hub = new Hub({ share: { bytesPerSecond: 0, burstBytes: 2_000 } });
    const { connection } = await held.open();
    await hub.publish("t", "€".repeat(700), { from: connection });
    const next = hub.publish("t", "x", { from: connection });
    connection.terminate();
    await assert.rejects(within(next, "the wait to end"), CloseError);
  });

  for (const share of [{ bytesPerSecond: -1 }, { burstBytes: "many" }, { bytes: 1 }]) {
    test(`may not be set to ${JSON.stringify(share)}`, () => {
      const refusal = /^TypeError: expected .*the share of a Hub/;
      assert.throws(() => new Hub({ share: share as never }), refusal);
    });
  }
});
