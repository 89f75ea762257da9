import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Position } from "koa-subapps";
import { AGE_MS, type Engine, type MakeEngine, RETENTION, TIMEOUT_MS } from "./engine.ts";
import { Scribe } from "./scribe.ts";

/**
 * What a list would do, an engine does: random histories against a model.
 *
 * @param runs how many histories
 */
export function modelContract(name: string, makeEngine: MakeEngine, runs: number): void {
  test(`the ${name} broker does what a list would`, { timeout: TIMEOUT_MS * 3 }, async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const engine = await makeEngine({ idleMs: 1_000_000_000 });
        try {
          await comparesWithModel(engine, list);
        } finally {
          await engine.broker.close();
          await engine.dispose();
        }
      }),
      { numRuns: runs },
    );
  });
}

type Command =
  | { do: "publish"; topic: string; data: string; key: string | undefined }
  | { do: "subscribe"; topic: string; who: number }
  | { do: "unsubscribe"; topic: string; who: number }
  | { do: "read"; topic: string; back: number | undefined; epoch: boolean }
  | { do: "pass"; ms: number };

const topic = fc.constantFrom("t", "u");
const who = fc.nat({ max: 2 });

// Few topics, keys and data, so that they meet often.
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("publish" as const),
        topic,
        data: fc.constantFrom("a", "b"),
        key: fc.constantFrom(undefined, undefined, "k", "l", "m"),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("subscribe" as const), topic, who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), topic, who }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("read" as const),
        topic,
        // How far back from the last message; negative ones lie in the future.
        back: fc.option(fc.integer({ min: -2, max: 7 }), { nil: undefined }),
        epoch: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("pass" as const),
        ms: fc.constantFrom(AGE_MS / 4, AGE_MS / 2, AGE_MS),
      }),
    },
  ),
  { maxLength: 40, size: "max" },
);

/** A topic as one would write it down. */
class ModelTopic {
  said: { data: string; key: string | undefined; at: number }[] = [];
  heard = new Map<Scribe, string[]>();

  retained(now: number) {
    return this.said
      .map((message, i) => ({ ...message, offset: i + 1 }))
      .slice(-RETENTION.count)
      .filter(({ at }) => now - at < AGE_MS);
  }
}

async function comparesWithModel(engine: Engine, list: readonly Command[]): Promise<void> {
  const { broker, pass } = engine;
  const models = new Map([
    ["t", new ModelTopic()],
    ["u", new ModelTopic()],
  ]);
  const epochs = new Map<string, string>();
  const scribes = [...models.keys()].flatMap((name) =>
    [0, 1, 2].map((i) => [`${name}${i}`, new Scribe()] as const),
  );
  const scribe = (name: string, i: number) => new Map(scribes).get(`${name}${i}`) as Scribe;
  const lines = new Map(scribes.map(([, each]) => [each, [] as string[]]));
  let now = 0;
  const same = ({ epoch }: Position, name: string) => {
    assert.equal(epochs.get(name) ?? epoch, epoch);
    epochs.set(name, epoch);
  };
  for (const command of list) {
    if (command.do === "pass") {
      await pass(command.ms);
      now += command.ms;
      continue;
    }
    const { topic: name } = command;
    const model = models.get(name) as ModelTopic;
    const retained = model.retained(now);
    if (command.do === "publish") {
      const { data, key } = command;
      const options = { retention: RETENTION, ...(key !== undefined && { key }) };
      const { outcome, position } = await broker.publish(name, data, options);
      same(position, name);
      const earlier = key === undefined ? undefined : retained.find((each) => each.key === key);
      if (earlier) {
        const expected = earlier.data === data ? "repeated" : "conflict";
        assert.deepEqual([outcome, position.offset], [expected, earlier.offset]);
      } else {
        model.said.push({ data, key, at: now });
        assert.deepEqual([outcome, position.offset], ["published", model.said.length]);
        for (const [each] of model.heard) lines.get(each)?.push(`${model.said.length} ${data}`);
      }
    } else if (command.do === "subscribe") {
      const who = scribe(name, command.who);
      const position = await broker.subscribe(name, who);
      same(position, name);
      assert.equal(position.offset, model.said.length);
      model.heard.set(who, []);
    } else if (command.do === "unsubscribe") {
      await broker.unsubscribe(name, scribe(name, command.who));
      model.heard.delete(scribe(name, command.who));
    } else {
      const offset = model.said.length - (command.back ?? 0);
      const epoch = command.epoch ? (epochs.get(name) ?? "unknown") : "another";
      const since = command.back === undefined ? undefined : { epoch, offset };
      const history = await broker.read(name, since);
      const known = command.epoch && epochs.has(name) && offset >= 0 && (command.back ?? 0) >= 0;
      const lost = retained.length < (command.back ?? 0);
      same(history.position, name);
      const recovered = since ? known && !lost : null;
      assert.equal(history.recovered, recovered);
      assert.deepEqual(
        history.publications.map(({ offset, data }) => [offset, data]),
        (recovered ? retained.filter((each) => each.offset > offset) : retained).map((each) => [
          each.offset,
          each.data,
        ]),
      );
      assert.equal(history.position.offset, model.said.length);
    }
    for (const [who, expected] of lines) assert.deepEqual(who.lines, expected);
  }
}
