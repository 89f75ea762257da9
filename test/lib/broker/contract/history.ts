import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Position } from "koa-subapps";
import { AGE_MS, type On, RETENTION } from "./engine.ts";
import { say, sayAll, texts } from "./topic.ts";

/** What a reader is given: all that is retained, or exactly what came since its position. */
export function historyContract(name: string, on: On): void {
  describe(`the history of the ${name} broker`, () => {
    on("is empty at 0 for a topic that is new, and the epoch stays", async ({ broker }) => {
      const { position, publications, recovered } = await broker.read("t");
      assert.deepEqual([position.offset, publications, recovered], [0, [], null]);
      const published = await say(broker, "a");
      assert.deepEqual(published.position, { epoch: position.epoch, offset: 1 });
    });

    on("is all that is retained for a first visit, and says null", async ({ broker }) => {
      await sayAll(broker, "a", "b");
      const history = await broker.read("t");
      assert.deepEqual(
        [texts(history), history.recovered, history.position.offset],
        [["a", "b"], null, 2],
      );
      assert.deepEqual(
        history.publications.map(({ offset }) => offset),
        [1, 2],
      );
    });

    on("is bounded by count", async ({ broker }) => {
      await sayAll(broker, "a", "b", "c", "d");
      assert.deepEqual(texts(await broker.read("t")), ["a", "b", "c", "d"]);
      await say(broker, "e");
      const history = await broker.read("t");
      assert.deepEqual([texts(history), history.position.offset], [["b", "c", "d", "e"], 5]);
    });

    on("keeps nothing where nothing may be kept, and still counts", async ({ broker }) => {
      const nothing = { retention: { count: 0, ageMs: AGE_MS }, key: "k" };
      const { position } = await broker.publish("t", "a", nothing);
      assert.equal(position.offset, 1);
      assert.deepEqual(texts(await broker.read("t")), []);
      assert.equal((await broker.read("t", position)).recovered, true);
      assert.equal((await broker.read("t", { ...position, offset: 0 })).recovered, false);
      assert.equal((await broker.publish("t", "b", nothing)).outcome, "published");
    });

    on("is bounded by age", async ({ broker, pass }) => {
      await say(broker, "a");
      await pass(AGE_MS / 2);
      await say(broker, "b");
      await pass(AGE_MS / 2 - 10);
      assert.deepEqual(texts(await broker.read("t")), ["a", "b"]);
      await pass(20);
      assert.deepEqual(texts(await broker.read("t")), ["b"]);
      await pass(AGE_MS / 2);
      const history = await broker.read("t");
      assert.deepEqual([texts(history), history.position.offset], [[], 2]);
    });

    on("gives exactly the messages since a position, and says true", async ({ broker }) => {
      const { position: start } = await broker.read("t");
      await sayAll(broker, "a", "b", "c");
      for (const [offset, expected] of [
        [0, ["a", "b", "c"]],
        [1, ["b", "c"]],
        [2, ["c"]],
        [3, []],
      ] as const) {
        const history = await broker.read("t", { ...start, offset });
        assert.deepEqual([texts(history), history.recovered], [expected, true]);
        assert.equal(history.position.offset, 3);
      }
    });

    on("says false from the first message that is gone on, by count", async ({ broker }) => {
      const { position } = await broker.read("t");
      await sayAll(broker, "a", "b", "c", "d", "e", "f");
      for (const offset of [0, 1]) {
        const history = await broker.read("t", { ...position, offset });
        assert.deepEqual([texts(history), history.recovered], [["c", "d", "e", "f"], false]);
      }
      // The last one that is known is gone as well, but nothing since.
      const history = await broker.read("t", { ...position, offset: 2 });
      assert.deepEqual([texts(history), history.recovered], [["c", "d", "e", "f"], true]);
    });

    on("says false from the first message that is gone on, by age", async ({ broker, pass }) => {
      const { position } = await say(broker, "a");
      await say(broker, "b");
      await pass(AGE_MS);
      const history = await broker.read("t", position);
      assert.deepEqual([texts(history), history.recovered], [[], false]);
      const last = await broker.read("t", { ...position, offset: 2 });
      assert.deepEqual([texts(last), last.recovered], [[], true]);
    });

    const strange: [string, (position: Position) => unknown][] = [
      ["another epoch", ({ offset }) => ({ epoch: "another", offset })],
      ["the future", ({ epoch, offset }) => ({ epoch, offset: offset + 1 })],
      ["the far future", ({ epoch }) => ({ epoch, offset: Number.MAX_SAFE_INTEGER })],
      ["beyond all numbers", ({ epoch }) => ({ epoch, offset: Number.MAX_SAFE_INTEGER + 1 })],
      ["before the beginning", ({ epoch }) => ({ epoch, offset: -1 })],
      ["between two messages", ({ epoch }) => ({ epoch, offset: 0.5 })],
      ["not a number", ({ epoch }) => ({ epoch, offset: Number.NaN })],
      ["infinity", ({ epoch }) => ({ epoch, offset: Number.POSITIVE_INFINITY })],
      ["text", ({ epoch, offset }) => ({ epoch, offset: String(offset) })],
      ["no offset", ({ epoch }) => ({ epoch })],
      ["no epoch", ({ offset }) => ({ offset })],
      ["an empty epoch", ({ offset }) => ({ epoch: "", offset })],
      ["an epoch that is a number", ({ offset }) => ({ epoch: 1, offset })],
      ["epochs", ({ epoch, offset }) => ({ epoch: [epoch], offset })],
      ["null", () => null],
      ["a number", () => 1],
      ["an epoch alone", ({ epoch }) => epoch],
      ["a list", ({ epoch, offset }) => [epoch, offset]],
      ["nothing but an object", () => ({})],
      ["something that inherits", (position) => Object.create({ ...position, offset: -1 })],
    ];
    for (const [what, since] of strange) {
      on(`says false to a position that is ${what}, and gives all there is`, async ({ broker }) => {
        await say(broker, "a");
        const { position } = await say(broker, "b");
        const history = await broker.read("t", since(position));
        assert.deepEqual([texts(history), history.recovered], [["a", "b"], false]);
        assert.deepEqual(history.position, position);
      });
    }

    on("says false to a position of another topic", async ({ broker }) => {
      const { position } = await broker.publish("other", "a", { retention: RETENTION });
      await say(broker, "a");
      assert.equal((await broker.read("t", position)).recovered, false);
    });

    on("is the reader's own: what comes later does not change it", async ({ broker }) => {
      await sayAll(broker, "a", "b");
      const history = await broker.read("t");
      await sayAll(broker, "c", "d", "e", "f");
      assert.deepEqual(texts(history), ["a", "b"]);
      assert.equal(history.position.offset, 2);
    });
  });
}
