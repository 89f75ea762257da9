import assert from "node:assert/strict";
import { describe } from "node:test";
import type { On } from "./engine.ts";
import { Scribe } from "./scribe.ts";
import { say } from "./topic.ts";

/** What a publication is: its place, its data, its date, and whom it reaches. */
export function publicationContract(name: string, on: On): void {
  describe(`a publication on the ${name} broker`, () => {
    on("has the offsets 1, 2, 3 … of one epoch", async ({ broker }) => {
      const published = [await say(broker, "a"), await say(broker, "b"), await say(broker, "c")];
      assert.deepEqual(
        published.map(({ outcome, position }) => [outcome, position.offset]),
        [1, 2, 3].map((offset) => ["published", offset]),
      );
      const epochs = new Set(published.map(({ position }) => position.epoch));
      assert.equal(epochs.size, 1);
      assert.notEqual([...epochs][0], "");
    });

    on("is delivered before its promise resolves", async ({ broker }) => {
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      await say(broker, "a");
      assert.deepEqual(scribe.lines, ["1 a"]);
    });

    on("goes to every subscriber of its topic and to no other topic", async ({ broker }) => {
      const [one, two, other] = [new Scribe(), new Scribe(), new Scribe()];
      await broker.subscribe("t", one);
      await broker.subscribe("t", two);
      await broker.subscribe("other", other);
      await say(broker, "a");
      assert.deepEqual([one.lines, two.lines, other.lines], [["1 a"], ["1 a"], []]);
      const { position, publications } = await broker.read("other");
      assert.deepEqual([position.offset, publications], [0, []]);
    });

    on("keeps its data as they are, whatever they are", async ({ broker }) => {
      const data = ["", " ", "ü€😀", "\u0000\r\n", '{"a":1}', "x".repeat(100_000)];
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      for (const each of data) {
        await say(broker, each);
        const { publications } = await broker.read("t");
        assert.equal(publications.at(-1)?.data, each);
      }
      assert.deepEqual(
        scribe.lines,
        data.map((each, i) => `${i + 1} ${each}`),
      );
    });

    on("is dated, the same for subscribers and readers", async ({ broker, pass }) => {
      const dates: number[] = [];
      const scribe = new Scribe();
      scribe.heard = ({ at }) => dates.push(at);
      await broker.subscribe("t", scribe);
      await say(broker, "a");
      await pass(1_000);
      await say(broker, "b");
      const { publications } = await broker.read("t");
      assert.deepEqual(
        publications.map(({ at }) => at),
        dates,
      );
      assert.ok((dates[1] ?? 0) > (dates[0] ?? 0));
    });

    on("of many at once has a place of its own, the same for all", async ({ broker }) => {
      const [one, two] = [new Scribe(), new Scribe()];
      await broker.subscribe("t", one);
      await broker.subscribe("t", two);
      const data = Array.from({ length: 50 }, (_, i) => `m${i}`);
      const published = await Promise.all(data.map((each) => say(broker, each)));
      const lines = published
        .map(({ position }, i) => ({ offset: position.offset, data: data[i] }))
        .sort((a, b) => a.offset - b.offset);
      assert.deepEqual(
        lines.map(({ offset }) => offset),
        data.map((_, i) => i + 1),
      );
      const expected = lines.map(({ offset, data }) => `${offset} ${data}`);
      assert.deepEqual([one.lines, two.lines], [expected, expected]);
    });
  });
}
