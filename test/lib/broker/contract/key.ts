import assert from "node:assert/strict";
import { describe } from "node:test";
import { AGE_MS, type On, RETENTION } from "./engine.ts";
import { Scribe } from "./scribe.ts";
import { say, sayAll } from "./topic.ts";

/** What a key does: it publishes once, for as long as its message is retained. */
export function keyContract(name: string, on: On): void {
  describe(`a key on the ${name} broker`, () => {
    on("publishes once: the same data again are told where they are", async ({ broker }) => {
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      await say(broker, "a", "k");
      await say(broker, "b");
      const { outcome, position } = await say(broker, "a", "k");
      assert.deepEqual([outcome, position.offset], ["repeated", 1]);
      assert.deepEqual(scribe.lines, ["1 a", "2 b"]);
      assert.equal((await broker.read("t")).position.offset, 2);
    });

    on("that has carried other data is a conflict, and nothing is published", async (engine) => {
      const { broker } = engine;
      await say(broker, "a", "k");
      const { outcome, position } = await say(broker, "b", "k");
      assert.deepEqual([outcome, position.offset], ["conflict", 1]);
      assert.deepEqual(
        (await broker.read("t")).publications.map(({ data }) => data),
        ["a"],
      );
      assert.equal((await say(broker, "a", "k")).outcome, "repeated");
    });

    on("is the topic's own, and nobody's without one", async ({ broker }) => {
      await say(broker, "a", "k");
      const other = await broker.publish("other", "b", { retention: RETENTION, key: "k" });
      assert.equal(other.outcome, "published");
      assert.equal((await say(broker, "a")).outcome, "published");
      assert.equal((await say(broker, "a", "K")).outcome, "published");
      assert.equal((await say(broker, "a", "")).outcome, "published");
      assert.equal((await say(broker, "a", "")).outcome, "repeated");
    });

    on("publishes once also when both come at once", async ({ broker }) => {
      const both = await Promise.all([say(broker, "a", "k"), say(broker, "a", "k")]);
      assert.deepEqual(both.map(({ outcome }) => outcome).sort(), ["published", "repeated"]);
      assert.deepEqual(both[0]?.position, both[1]?.position);
    });

    on("is forgotten with its message: by count", async ({ broker }) => {
      await say(broker, "a", "k");
      await sayAll(broker, "b", "c", "d");
      assert.equal((await say(broker, "a", "k")).outcome, "repeated");
      await say(broker, "e");
      const { outcome, position } = await say(broker, "other", "k");
      assert.deepEqual([outcome, position.offset], ["published", 6]);
      assert.equal((await say(broker, "other", "k")).outcome, "repeated");
    });

    on("is forgotten with its message: by age", async ({ broker, pass }) => {
      await say(broker, "a", "k");
      await pass(AGE_MS / 2);
      assert.equal((await say(broker, "a", "k")).outcome, "repeated");
      await pass(AGE_MS / 2);
      assert.equal((await say(broker, "other", "k")).outcome, "published");
    });
  });
}
