import assert from "node:assert/strict";
import { describe } from "node:test";
import { AGE_MS, IDLE_MS, type On, RETENTION } from "./engine.ts";
import { Scribe } from "./scribe.ts";
import { say } from "./topic.ts";

/** What an engine holds, and that it holds nothing for ever. */
export function holdingsContract(name: string, on: On): void {
  describe(`what the ${name} broker holds`, () => {
    on("are the topics with subscribers or messages", async ({ broker }) => {
      const scribe = new Scribe();
      await broker.subscribe("heard", scribe);
      await broker.publish("said", "a", { retention: RETENTION });
      assert.deepEqual((await broker.topics()).sort(), ["heard", "said"]);
    });

    on("is a topic's epoch for a while after its last message has aged out", async (engine) => {
      const { broker, pass } = engine;
      const { position } = await say(broker, "a");
      await pass(AGE_MS + IDLE_MS / 2);
      assert.deepEqual(await broker.read("t", position), {
        position,
        publications: [],
        recovered: true,
      });
    });

    on("is nothing of a topic that had neither subscribers nor messages", async (engine) => {
      const { broker, pass } = engine;
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      const { position } = await say(broker, "a", "k");
      await pass(AGE_MS + IDLE_MS * 2);
      assert.deepEqual(await broker.topics(), ["t"], "it has a subscriber");
      await broker.unsubscribe("t", scribe);
      await broker.read("only read");
      await pass(IDLE_MS * 2);
      assert.deepEqual(await broker.topics(), []);
      assert.deepEqual(engine.held(), []);
      const history = await broker.read("t", position);
      assert.deepEqual([history.recovered, history.position.offset], [false, 0]);
      assert.notEqual(history.position.epoch, position.epoch);
    });

    on("is nothing of many topics, whoever left last", async (engine) => {
      const { broker, pass } = engine;
      const scribe = new Scribe();
      for (let i = 0; i < 100; i++) {
        await broker.subscribe(`t${i}`, scribe);
        await broker.publish(`t${i}`, "a", { retention: RETENTION, key: "k" });
      }
      assert.equal((await broker.topics()).length, 100);
      for (let i = 0; i < 100; i++) await broker.unsubscribe(`t${i}`, scribe);
      assert.equal((await broker.topics()).length, 100, "their messages are retained");
      await pass(AGE_MS + IDLE_MS * 2);
      assert.deepEqual([await broker.topics(), engine.held()], [[], []]);
    });

    on("is nothing once it is closed, and nobody is told any more", async (engine) => {
      const { broker } = engine;
      const scribe = new Scribe();
      await broker.subscribe("t", scribe);
      await say(broker, "a");
      await broker.close();
      assert.deepEqual(engine.held(), []);
      assert.deepEqual(scribe.lines, ["1 a"]);
      await broker.close();
    });
  });
}
