import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Hub } from "koa-subapps";
import { Held, type Pair } from "../../support/held.ts";
import { until, within } from "../../support/within.ts";

/** Far more than the kernel's buffers of one connection take, and than `maxBufferedBytes`. */
const LONG = "x".repeat(16 * 1024 * 1024);

/** What a client has been sent, the long ones as `long`. */
function heard({ client }: Pair): string[] {
  const all: string[] = [];
  client.ws.on("message", (data) => {
    const text = String(data);
    all.push(text.length === LONG.length ? "long" : text);
  });
  return all;
}

/** A member whose welcome is on its way and is not read. */
async function welcoming(held: Held, hub: Hub) {
  const pair = await held.open();
  const all = heard(pair);
  pair.client.ws.pause();
  const joining = hub.join("t", pair.connection, { welcome: () => LONG });
  await until(() => pair.connection.bufferedBytes > 0, "the welcome to be on its way");
  return { ...pair, all, joining };
}

describe("a welcome that is longer than maxBufferedBytes", () => {
  test("cuts nobody off for what comes while it is being read", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const { client, connection, all, joining } = await welcoming(held, hub);
    await hub.signal("t", "signal");
    hub.broadcast("broadcast");
    await hub.publish("t", "message");
    void connection.send("answer");
    client.ws.resume();
    await within(joining, "the join", 30_000);
    await until(
      () => all.length === 5,
      () => `five messages, but they are ${all}`,
      30_000,
    );
    assert.deepEqual(all, ["long", "signal", "broadcast", "answer", "message"]);
    assert.ok(connection.open);
  });

  test("leaves the bound to what comes behind it", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    const { client, connection, all } = await welcoming(held, hub);
    const text = "y".repeat(64 * 1024);
    for (let i = 0; i < 64 && connection.open; i++) await hub.signal("t", text);
    assert.equal(connection.open, false, "it is cut off at the welcome and a mebibyte");
    client.ws.resume();
    assert.equal((await client.closed({ timeoutMs: 30_000 })).code, 1013);
    assert.ok(all.length - 1 <= 17, `${all.length - 1} of 64 KiB were sent behind it`);
  });

  test("is followed by no second one before it has been read", async () => {
    await using held = await Held.start();
    const { client, connection, all } = await welcoming(held, new Hub());
    for (let i = 0; i < 3; i++) void connection.send(LONG);
    assert.equal(connection.open, false);
    client.ws.resume();
    assert.equal((await client.closed({ timeoutMs: 30_000 })).code, 1013);
    assert.deepEqual(all, ["long", "long"]);
  });
});
