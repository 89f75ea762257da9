import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BrokerFailure, Hub } from "koa-subapps";
import { Held } from "../../support/held.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until } from "../../support/within.ts";

const AWAY = new Error("the broker is away");
const away = () => Promise.reject(AWAY);
const welcome = () => "welcome";

/** A hub of three members whose broker then fails. */
async function failing(held: Held, onError?: (error: unknown, where: BrokerFailure) => void) {
  const broker = new RestartingBroker();
  const hub = new Hub({ broker, ...(onError && { onError }) });
  const pairs = await held.openAll(3);
  for (const { connection } of pairs) await hub.join("t", connection, { welcome });
  broker.beforeRead = away;
  broker.unsubscribe = away;
  return { broker, hub, pairs };
}

describe("what a broker fails at where no caller is told", () => {
  test("reaches the hub's onError, with the stage and the topic: once, not for each member", async () => {
    await using held = await Held.start();
    const told: unknown[] = [];
    const onError = (error: unknown, where: BrokerFailure) => void told.push([error, where]);
    const { broker, hub, pairs } = await failing(held, onError);
    await broker.restart("t");
    for (const { client } of pairs) {
      const { code, reason } = await client.closed();
      assert.deepEqual([code, reason], [1013, "the history cannot be read"]);
    }
    await until(() => told.length > 1, "both to be told");
    assert.deepEqual(told, [
      [AWAY, { stage: "read", topic: "t" }],
      [AWAY, { stage: "unsubscribe", topic: "t" }],
    ]);
    assert.deepEqual(held.errors, []);
    assert.deepEqual(hub.topics(), []);
  });

  test("is an error of the members' app by default, whose other connections go on", async () => {
    await using held = await Held.start();
    const { hub, pairs } = await failing(held);
    for (const { connection } of pairs) hub.leave("t", connection);
    await until(() => held.errors.length > 0, "the app to be told");
    assert.deepEqual(held.errors, [AWAY]);
    for (const { client, connection } of pairs) {
      await connection.send("still here");
      assert.equal(await client.receive(), "welcome");
      assert.equal(await client.receive(), "still here");
    }
  });

  test("is told to the app where onError itself throws", async () => {
    await using held = await Held.start();
    const own = new Error("onError fails");
    const { hub, pairs } = await failing(held, () => {
      throw own;
    });
    for (const { connection } of pairs) hub.leave("t", connection);
    await until(() => held.errors.length > 0, "the app to be told");
    assert.deepEqual(held.errors, [own]);
  });
});

test("a hub refuses options that there are not", () => {
  assert.throws(
    () => new Hub({ retain: 1 } as never),
    /^TypeError: expected only options of a Hub/,
  );
});
