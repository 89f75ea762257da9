import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, type Connection, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { HistoryPace, messagesIn } from "../../../lib/topic/history-pace.ts";
import { receiveUntil } from "../../support/held.ts";
import { until, within } from "../../support/within.ts";

const A = "192.0.2.1";
const B = "192.0.2.2";

describe("the history that one address is sent", () => {
  test("may overdraw its account, and then waits until that is made up for", () => {
    let now = 0;
    const pace = new HistoryPace({ perSecond: 1_000, burst: 500 }, () => now);
    assert.equal(pace.waitMs(A), 0);
    pace.charge(A, 499);
    assert.equal(pace.waitMs(A), 0);
    pace.charge(A, 1_000);
    assert.equal(pace.waitMs(A), 999);
    assert.equal(pace.waitMs(B), 0);
    now += 999;
    assert.equal(pace.waitMs(A), 1);
    now += 1;
    assert.equal(pace.waitMs(A), 0);
  });

  test("is counted by message, and by KiB where they are longer", () => {
    assert.deepEqual([0, 1, 1_024, 1_025, 64 * 1_024].map(messagesIn), [1, 1, 1, 2, 64]);
  });

  test("is counted for a whole IPv6 /64", () => {
    const pace = new HistoryPace({ perSecond: 1, burst: 10 }, () => 0);
    pace.charge("2001:db8::1", 100);
    assert.ok(pace.waitMs("2001:db8::2") > 0);
    assert.equal(pace.waitMs("2001:db8:1::1"), 0);
  });

  test("is unbounded where it is asked for", () => {
    const pace = new HistoryPace({ perSecond: Number.POSITIVE_INFINITY });
    pace.charge(A, 1e12);
    assert.equal(pace.waitMs(A), 0);
  });

  test("is known of a bounded number of addresses, and of none that has had its rest", () => {
    let now = 0;
    const pace = new HistoryPace({ perSecond: 1_000, burst: 10 }, () => now);
    for (let i = 0; i < 40_000; i++) pace.charge(`198.18.${i >> 8}.${i & 255}`, 1_000);
    assert.ok(pace.addresses <= 16_384, `${pace.addresses}`);
    now += 10_000;
    pace.charge(A, 1);
    assert.equal(pace.addresses, 1);
  });

  for (const pace of [{ perSecond: -1 }, { burst: "many" }, { perMinute: 1 }]) {
    test(`refuses ${JSON.stringify(pace)}`, () => {
      assert.throws(
        () => new Hub({ pace: pace as never }),
        /^TypeError: expected .*the pace of a Hub/,
      );
    });
  }
});

/** A server whose clients join a topic of ten messages, from the address that they name. */
async function serveHistory(perSecond: number) {
  const hub = new Hub({ pace: { perSecond, burst: 1 } });
  for (let i = 1; i <= 10; i++) await hub.publish("t", `${i}`);
  const ended: string[] = [];
  const app = new App().websocket("/", async (socket: Connection, ctx) => {
    const joined = hub.join("t", socket, { welcome: () => "welcome" });
    await joined.then(() => ended.push(ctx.ip));
    await socket.send("last");
    for await (const _ of socket);
  });
  const client = await TestClient.start(app, { trustProxy: ["127.0.0.1"] });
  const connect = (address: string) =>
    client.connect("/", { headers: { "X-Forwarded-For": address } });
  return { client, connect, ended };
}

const ALL = ["welcome", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

describe("a join with history", () => {
  test("waits while its address has had more than its share; others do not, and it may leave", async () => {
    const { client, connect, ended } = await serveHistory(0);
    await using _client = client;
    assert.deepEqual(await receiveUntil(await connect(A), "last"), ALL);
    const second = await connect(A);
    let heard = 0;
    second.ws.on("message", () => heard++);
    assert.deepEqual(await receiveUntil(await connect(B), "last"), ALL);
    assert.deepEqual([heard, ended], [0, [A, B]]);
    second.terminate();
    await until(() => ended.length === 3, "the wait to end with the connection");
  });

  test("gets all of it once what its address has had is made up for", async () => {
    const { client, connect } = await serveHistory(100);
    await using _client = client;
    const sockets = [await connect(A), await connect(A), await connect(A)];
    for (const socket of sockets)
      assert.deepEqual(await within(receiveUntil(socket, "last"), "its turn"), ALL);
  });
});
