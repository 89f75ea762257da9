import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Encode, type History, Hub } from "koa-subapps";
import { Replays } from "../../../lib/topic/replays.ts";
import { Held, receiveUntil } from "../../support/held.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until } from "../../support/within.ts";

const MESSAGES = 100;
const welcome = () => "welcome";

/** An encoding that counts. */
function counting(prefix: string) {
  const encoded: number[] = [];
  const encode: Encode = (data, publication) => {
    if (publication) encoded.push(publication.offset);
    return `${prefix}${data}`;
  };
  return { encode, encoded };
}

async function publishAll(hub: Hub, count: number, from = 1): Promise<void> {
  for (let i = from; i < from + count; i++) await hub.publish("t", `${i}`);
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);

describe("the history of a topic", () => {
  test("is encoded once for each kind of member, however many join, and again in their next life", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    await publishAll(hub, MESSAGES);
    const [one, other] = [counting("a"), counting("b")];
    for (let round = 0; round < 3; round++) {
      for (const { client, connection } of await held.openAll(4)) {
        const { encode } = connection.id > "8" ? one : other;
        await hub.join("t", connection, { encode, welcome });
        await connection.send("last");
        const prefix = encode === one.encode ? "a" : "b";
        const expected = ["welcome", ...upTo(MESSAGES).map((n) => `${prefix}${n}`)];
        assert.deepEqual(await receiveUntil(client, "last"), expected);
        hub.leave("t", connection);
      }
    }
    for (const { encoded } of [one, other])
      assert.ok(encoded.length === 0 || encoded.length === MESSAGES, `${encoded.length} encoded`);
  });

  test("is encoded as far as a member needs it, and what has gone from it is not sent", async () => {
    await using held = await Held.start();
    const hub = new Hub({ retention: { count: 10, ageMs: 3_600_000 } });
    const { encode, encoded } = counting("");
    const join = async (since?: unknown) => {
      const { client, connection } = await held.open();
      await hub.join("t", connection, { encode, welcome, since });
      await connection.send("last");
      hub.leave("t", connection);
      return (await receiveUntil(client, "last")).slice(1);
    };
    await publishAll(hub, 10);
    const { position } = await hub.broker.read("t");
    assert.deepEqual(await join({ ...position, offset: 7 }), ["8", "9", "10"]);
    assert.deepEqual(encoded, [8, 9, 10]);
    assert.deepEqual(await join(), upTo(10).map(String));
    await publishAll(hub, 5, 11);
    assert.deepEqual(await join(), upTo(10, 6).map(String));
    assert.deepEqual(encoded, [8, 9, 10, ...upTo(7), ...upTo(5, 11)]);
  });

  test("is encoded anew in a new epoch, whose offsets begin again", async () => {
    await using held = await Held.start();
    const broker = new RestartingBroker();
    const hub = new Hub({ broker });
    const { encode } = counting("");
    await hub.publish("t", "old");
    const { client, connection } = await held.open();
    await hub.join("t", connection, { encode, welcome });
    await broker.restart("t");
    await hub.publish("t", "new");
    await hub.publish("t", "last");
    assert.deepEqual(await receiveUntil(client, "last"), ["welcome", "old", "welcome", "new"]);
  });

  test("goes out as fast as its reader reads: one that does not has a mark's worth waiting", async () => {
    const highWaterBytes = 16 * 1024;
    await using held = await Held.start({ highWaterBytes });
    const hub = new Hub();
    const { encode } = counting("");
    const text = "x".repeat(4_000);
    for (let i = 0; i < 400; i++) await hub.publish("t", text);
    const [slow, fast] = await held.openAll(2);
    assert.ok(slow && fast);
    slow.client.ws.pause();
    const joining = hub.join("t", slow.connection, { encode, welcome });
    await hub.join("t", fast.connection, { encode, welcome });
    await fast.connection.send("last");
    assert.equal((await receiveUntil(fast.client, "last")).length, 401);
    assert.ok(slow.connection.bufferedBytes <= highWaterBytes + 3 * text.length + 10);
    slow.client.ws.resume();
    await joining;
    await slow.connection.send("last");
    assert.equal((await receiveUntil(slow.client, "last")).length, 401);
  });

  test("whose encoding fails fails the join, each time", async () => {
    await using held = await Held.start();
    const hub = new Hub();
    await publishAll(hub, 2);
    const encode = () => {
      throw new Error("expected by this test");
    };
    const { connection } = await held.open();
    for (let i = 0; i < 2; i++) {
      await assert.rejects(hub.join("t", connection, { encode, welcome }), /expected by this test/);
      await until(() => hub.members("t").length === 0, "no member");
    }
  });
});

describe("what is kept of encoded histories", () => {
  const history = (epoch: string, count: number): History => ({
    position: { epoch, offset: count },
    publications: upTo(count).map((offset) => ({ offset, data: "x".repeat(100), at: 0 })),
    recovered: null,
  });

  /** Has a whole history encoded. */
  function replay(replays: Replays, topic: string, encode: Encode, count = 10): void {
    const whole = history("e", count);
    const frameOf = replays.of(topic, encode, whole);
    for (const publication of whole.publications) frameOf(publication);
  }

  test("is bounded in bytes, whatever there are of topics and kinds of member", () => {
    const maxBytes = 100_000;
    const replays = new Replays(maxBytes);
    const { encode } = counting("");
    for (let i = 0; i < 500; i++) {
      replay(replays, "long", encode, 1_000);
      replay(replays, `t${i}`, encode);
      replay(replays, "t", (data) => data);
      assert.ok(replays.bytes <= maxBytes, `${replays.bytes}`);
    }
    assert.ok(replays.bytes > 0);
  });

  test("is what several need, rather than what a member's own function was asked for once", () => {
    const replays = new Replays(100_000);
    const { encode, encoded } = counting("");
    replay(replays, "t", encode);
    replay(replays, "t", encode);
    for (let i = 0; i < 500; i++) replay(replays, "t", (data) => data);
    replay(replays, "t", encode);
    assert.equal(encoded.length, 10);
  });
});
