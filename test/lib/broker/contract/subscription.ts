import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Position, Published } from "koa-subapps";
import { AGE_MS, type On } from "./engine.ts";
import { Scribe } from "./scribe.ts";
import { say, sayAll, texts } from "./topic.ts";

/** What a subscriber is told, and from when until when. */
export function subscriptionContract(name: string, on: On): void {
  describe(`a subscription on the ${name} broker`, () => {
    on("begins after the position it was given", async ({ broker }) => {
      await say(broker, "a");
      const scribe = new Scribe();
      const position = await broker.subscribe("t", scribe);
      assert.deepEqual(position, (await broker.read("t")).position);
      await say(broker, "b");
      assert.deepEqual([position.offset, scribe.lines], [1, ["2 b"]]);
    });

    on("counts once, however often it is asked for", async ({ broker }) => {
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      await broker.subscribe("t", scribe);
      await say(broker, "a");
      assert.deepEqual(scribe.lines, ["1 a"]);
      await broker.unsubscribe("t", scribe);
      await say(broker, "b");
      assert.deepEqual(scribe.lines, ["1 a"]);
    });

    on("ends with unsubscribe, for itself only, and may begin again", async ({ broker }) => {
      const [one, two] = [new Scribe(), new Scribe()];
      await broker.subscribe("t", one);
      await broker.subscribe("t", two);
      await broker.unsubscribe("t", one);
      await broker.unsubscribe("t", one);
      await broker.unsubscribe("nowhere", one);
      await say(broker, "a");
      await broker.subscribe("t", one);
      await say(broker, "b");
      assert.deepEqual([one.lines, two.lines], [["2 b"], ["1 a", "2 b"]]);
    });

    on("and a read after it miss nothing and tell nothing twice", async ({ broker }) => {
      const data = Array.from({ length: 40 }, (_, i) => `m${i}`);
      const joined = Array.from({ length: 20 }, async (_, at) => {
        for (let i = 0; i < at; i++) await null;
        const seen = new Map<number, string>();
        const scribe = new Scribe();
        scribe.heard = ({ offset, data }) => {
          assert.ok(!seen.has(offset), `message ${offset} came twice`);
          seen.set(offset, data);
        };
        const position = await broker.subscribe("t", scribe);
        const history = await broker.read("t");
        const last = history.publications.at(-1)?.offset ?? position.offset;
        assert.equal(history.position.offset, last);
        return { scribe, history };
      });
      const retention = { count: 1_000, ageMs: AGE_MS };
      const speaking = data.map((each) => broker.publish("t", each, { retention }));
      await Promise.all(speaking);
      const all = (await broker.read("t")).publications;
      for (const { scribe, history } of await Promise.all(joined)) {
        const merged = new Map(history.publications.map((p) => [p.offset, p.data]));
        for (const line of scribe.lines) {
          const [, offset, data] = /^(\d+) (.*)$/.exec(line) ?? [];
          merged.set(Number(offset), String(data));
        }
        assert.deepEqual(
          [...merged].sort(([a], [b]) => a - b),
          all.map(({ offset, data }): [number, string] => [offset, data]),
        );
      }
    });

    on("gets what subscribers publish in their turn after what they answer", async (engine) => {
      const { broker } = engine;
      const [first, second] = [new Scribe(), new Scribe()];
      const answers: Promise<Published>[] = [];
      first.heard = ({ offset, data }) => {
        if (data === "question") answers.push(say(broker, `answer to ${offset}`));
      };
      await broker.subscribe("t", first);
      await broker.subscribe("t", second);
      await say(broker, "question");
      await Promise.all(answers);
      const expected = ["1 question", "2 answer to 1"];
      assert.deepEqual([first.lines, second.lines], [expected, expected]);
    });

    on("that begins while a message is delivered gets what comes after it", async ({ broker }) => {
      const [first, late] = [new Scribe(), new Scribe()];
      const begun: Promise<Position>[] = [];
      first.heard = () => {
        if (begun.length === 0) begun.push(broker.subscribe("t", late));
      };
      await broker.subscribe("t", first);
      await say(broker, "a");
      const position = await begun[0];
      assert.equal(position?.offset, 1);
      await say(broker, "b");
      assert.deepEqual(late.lines, ["2 b"]);
    });

    on("that ends while a message is delivered gets no more", async ({ broker }) => {
      const [first, second] = [new Scribe(), new Scribe()];
      const ends: Promise<void>[] = [];
      first.heard = () => void ends.push(broker.unsubscribe("t", first));
      await broker.subscribe("t", first);
      await broker.subscribe("t", second);
      await sayAll(broker, "a", "b");
      await Promise.all(ends);
      assert.deepEqual([first.lines, second.lines], [["1 a"], ["1 a", "2 b"]]);
    });

    on("is told of a new epoch before anybody knows a position of it", async (engine) => {
      const { broker, endEpoch } = engine;
      if (!endEpoch) return;
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      const before = await say(broker, "a");
      await endEpoch("t");
      const after = await say(broker, "b");
      assert.notEqual(after.position.epoch, before.position.epoch);
      assert.deepEqual(scribe.lines, ["1 a", "epoch at 0", "1 b"]);
      const history = await broker.read("t", before.position);
      assert.deepEqual([texts(history), history.recovered], [["b"], false]);
    });
  });
}
