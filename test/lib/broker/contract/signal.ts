import assert from "node:assert/strict";
import { describe } from "node:test";
import type { On } from "./engine.ts";
import { Scribe } from "./scribe.ts";
import { say } from "./topic.ts";

/** What a signal is: it passes, and leaves nothing. */
export function signalContract(name: string, on: On): void {
  describe(`a signal on the ${name} broker`, () => {
    on("reaches the subscribers of now, has no position and is not retained", async (engine) => {
      const { broker } = engine;
      const [scribe, late] = [new Scribe(), new Scribe()];
      await broker.subscribe("t", scribe);
      await say(broker, "a");
      await broker.signal("t", "passing");
      await broker.signal("other", "elsewhere");
      await say(broker, "b");
      await broker.subscribe("t", late);
      assert.deepEqual(scribe.lines, ["1 a", "signal passing", "2 b"]);
      assert.deepEqual(late.lines, []);
      const { publications, position } = await broker.read("t");
      assert.deepEqual([publications.map(({ data }) => data), position.offset], [["a", "b"], 2]);
    });

    on("makes no topic", async ({ broker }) => {
      await broker.signal("t", "nobody hears it");
      assert.deepEqual(await broker.topics(), []);
    });
  });
}
