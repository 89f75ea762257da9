// A publication that has resolved is on its way to each member: what a member is sent, or asked
// for, after that comes after it, however long the fan-out takes to reach it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CloseError } from "koa-subapps";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { Crowd, each, inShortTurns } from "../../support/sliced.ts";

const TEXTS = ["first", "second", "third"];

describe("each member has what was published before", () => {
  test("its topic is closed", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub } = crowd;
    await inShortTurns(t, () => Promise.all(TEXTS.map((text) => hub.publish("t", text))));
    hub.closeTopic("t", 4000);
    assert.deepEqual(await crowd.ends(), each([...TEXTS, 4000]));
  });

  test("everybody is closed", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub } = crowd;
    inShortTurns(t, () => {
      for (const text of TEXTS) hub.broadcast(text);
    });
    hub.closeAll(4000);
    assert.deepEqual(await crowd.ends(), each([...TEXTS, 4000]));
  });

  test("it is signalled, and closed by its app", async (t) => {
    await using crowd = await Crowd.gather();
    await inShortTurns(t, () => crowd.hub.signal("t", "passing"));
    for (const { connection } of crowd.members) connection.close(4000);
    assert.deepEqual(await crowd.ends(), each(["passing", 4000]));
  });

  test("it is taken out, and nothing that is published after", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members } = crowd;
    await inShortTurns(t, () => hub.publish("t", "before"));
    for (const { connection } of members) hub.leave("t", connection);
    await hub.publish("t", "after");
    for (const { connection } of members) connection.close(4000);
    assert.deepEqual(await crowd.ends(), each(["before", 4000]));
  });

  test("it is taken out and joins again, and all that is published after", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members } = crowd;
    await inShortTurns(t, () => hub.publish("t", "before"));
    for (const { connection } of members) {
      hub.leave("t", connection);
      await hub.join("t", connection);
    }
    await hub.publish("t", "after");
    assert.deepEqual(await crowd.heard("after"), each(["before", "after"]));
  });

  test("it is sent something else", async (t) => {
    await using crowd = await Crowd.gather();
    await inShortTurns(t, () => crowd.hub.publish("t", "before"));
    for (const { connection } of crowd.members) void connection.send("after");
    assert.deepEqual(await crowd.heard("after"), each(["before", "after"]));
  });

  test("it is sent JSON", async (t) => {
    await using crowd = await Crowd.gather();
    await inShortTurns(t, () => crowd.hub.publish("t", "before"));
    for (const { connection } of crowd.members) void connection.sendJson({ a: 1 });
    assert.deepEqual(await crowd.heard('{"a":1}'), each(["before", '{"a":1}']));
  });

  test("it is sent a Blob", async (t) => {
    await using crowd = await Crowd.gather();
    await inShortTurns(t, () => crowd.hub.publish("t", "before"));
    for (const { connection } of crowd.members) {
      void connection.send(new Blob(["after"]));
      connection.close(4000);
    }
    assert.deepEqual((await crowd.ends()).map(String), each(["before", "after", 4000]).map(String));
  });

  test("its handler returns", async (t) => {
    await using crowd = await Crowd.gather();
    await inShortTurns(t, () => crowd.hub.publish("t", "before"));
    for (const { connection } of crowd.members) crowd.end(connection);
    assert.deepEqual(await crowd.ends(), each(["before", 1000]));
  });

  test("its handler throws, or its connection fails", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members } = crowd;
    await inShortTurns(t, () => hub.publish("t", "before"));
    for (const [i, { connection }] of members.entries()) {
      const error = new CloseError(4001);
      if (i % 2) connection.fail(error);
      else
        crowd.end(connection, () => {
          throw error;
        });
    }
    assert.deepEqual(await crowd.ends(), each(["before", 4001]));
  });

  test("the server drains", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members, test } = crowd;
    await inShortTurns(t, () => hub.publish("t", "before"));
    const drained = test.serving.upgrades.drain({ graceMs: 10_000 });
    for (const { connection } of members) crowd.end(connection, () => connection.close());
    assert.equal((await drained).length, 0);
    const ends = (await crowd.ends()).map(([text]) => text);
    assert.deepEqual(ends, each("before"));
  });

  test("it is welcomed to a new epoch", async (t) => {
    const broker = new RestartingBroker();
    const welcome = () => "welcome";
    await using crowd = await Crowd.gather({ broker }, () => ({ welcome }));
    const { hub } = crowd;
    await inShortTurns(t, () => hub.publish("t", "old"));
    await broker.restart("t");
    await hub.publish("t", "new");
    const expected = ["welcome", "old", "welcome", "new"];
    assert.deepEqual(await crowd.heard("new"), each(expected));
  });
});

describe("what a connection is sent of several topics, and with everybody", () => {
  test("comes in the order in which it was published, before what it is sent next", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members } = crowd;
    for (const { connection } of members) await hub.join("u", connection);
    await inShortTurns(t, async () => {
      const published = [hub.publish("t", "1")];
      hub.broadcast("2");
      published.push(hub.publish("u", "3"), hub.publish("t", "4"));
      hub.broadcast("5");
      await Promise.all(published);
    });
    for (const { connection } of members) void connection.send("6");
    assert.deepEqual(await crowd.heard("6"), each(["1", "2", "3", "4", "5", "6"]));
  });

  test("comes in that order though one of the topics is small, and done at once", async (t) => {
    await using crowd = await Crowd.gather();
    const { hub, members } = crowd;
    const last = members.at(-1)?.connection;
    assert.ok(last);
    await hub.join("small", last);
    await inShortTurns(t, () => hub.publish("t", "1"));
    await hub.publish("small", "2");
    assert.deepEqual((await crowd.heard("1")).at(-1), ["1", "2"]);
  });
});

describe("a delivery that has more published", () => {
  test("a hundred times, keeps the order for everybody", async () => {
    const texts = Array.from({ length: 100 }, (_, i) => `${i}`);
    const chain = (data: string) => {
      const next = Number(data) + 1;
      if (next < texts.length) void crowd.hub.publish("t", `${next}`);
      return data;
    };
    await using crowd = await Crowd.gather({}, (i) => (i === 40 ? { encode: chain } : {}));
    await crowd.hub.publish("t", "0");
    assert.deepEqual(await crowd.heard("99"), each(texts));
  });

  test("to another topic, keeps the order for those who are in both", async () => {
    const relay = (data: string) => {
      void crowd.hub.publish("u", `relayed ${data}`);
      return data;
    };
    await using crowd = await Crowd.gather({}, (i) => (i === 40 ? { encode: relay } : {}));
    const { hub, members } = crowd;
    for (const { connection } of members) await hub.join("u", connection);
    await hub.publish("t", "a");
    await hub.publish("t", "b");
    const heard = await crowd.heard("relayed b");
    for (const each of heard) {
      assert.deepEqual(each.toSorted(), ["a", "b", "relayed a", "relayed b"]);
      for (const text of ["a", "b"])
        assert.ok(each.indexOf(text) < each.indexOf(`relayed ${text}`), String(each));
    }
  });

  test("sends what it sends to the same member behind the message", async (t) => {
    const answer = (data: string) => {
      if (data === "1") void crowd.members[50]?.connection.send("answer");
      return data;
    };
    await using crowd = await Crowd.gather({}, (i) => (i === 50 ? { encode: answer } : {}));
    const { hub, members } = crowd;
    await inShortTurns(t, () => Promise.all(["1", "2"].map((text) => hub.publish("t", text))));
    await members[50]?.connection.send("last");
    const heard = (await crowd.heard("2"))[50] ?? [];
    assert.deepEqual(heard.toSorted(), ["1", "2", "answer", "last"]);
    assert.ok(heard.indexOf("2") < heard.indexOf("answer"), String(heard));
    assert.ok(heard.indexOf("2") < heard.indexOf("last"), String(heard));
  });

  test("fails, and has everybody closed, after each has had what was published", async (t) => {
    const encode = () => {
      throw new Error("expected by this test");
    };
    await using crowd = await Crowd.gather({}, (i) => (i === 10 ? { encode } : {}));
    const { hub } = crowd;
    const closing = new Promise<void>((resolve) => {
      crowd.app.on("error", () => {
        hub.closeAll(4000);
        resolve();
      });
    });
    await inShortTurns(t, () => Promise.all(["1", "2"].map((text) => hub.publish("t", text))));
    await closing;
    const ends = await crowd.ends();
    assert.deepEqual(ends[10], [1011]);
    assert.deepEqual(ends.toSpliced(10, 1), each(["1", 4000]).slice(1));
  });
});
