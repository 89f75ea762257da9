import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import type {
  Broker,
  History,
  Position,
  Publication,
  Published,
  Subscriber,
} from "../../../lib/index.ts";

/** An engine under test, with a hand on its clock. */
export interface Engine {
  readonly broker: Broker;
  /** Lets that many milliseconds pass for the engine. */
  pass(ms: number): Promise<void>;
  /** What the engine holds that would outlive a forgotten one: timers, sockets. */
  held(): string[];
  /** Ends a topic's epoch under its subscribers, where an engine can lose data. */
  endEpoch?(topic: string): Promise<void>;
  /** Gives back what the test took: the clock, a server. */
  dispose(): Promise<void>;
}

/** Makes an engine; a topic that is idle for `idleMs` is forgotten. */
export type MakeEngine = (options: { idleMs: number }) => Promise<Engine>;

const IDLE_MS = 60_000;
const AGE_MS = 10_000;
const RETENTION = { count: 4, ageMs: AGE_MS };
const TIMEOUT_MS = 20_000;

/** Writes down all that a subscriber is told, one line each. */
class Scribe implements Subscriber {
  readonly lines: string[] = [];
  /** Called after a message was written down. */
  heard: (publication: Publication) => void = () => {};

  message(publication: Publication): void {
    this.lines.push(`${publication.offset} ${publication.data}`);
    this.heard(publication);
  }

  signal(data: string): void {
    this.lines.push(`signal ${data}`);
  }

  epoch({ offset }: Position): void {
    this.lines.push(`epoch at ${offset}`);
  }
}

/**
 * The contract of {@link Broker} as tests. Every engine passes the same ones.
 *
 * @param name the engine's, for the titles
 * @param makeEngine makes a fresh one for each test
 */
export function brokerContract(name: string, makeEngine: MakeEngine): void {
  const on = (title: string, body: (engine: Engine, t: TestContext) => Promise<void>) => {
    test(title, { timeout: TIMEOUT_MS }, async (t) => {
      const engine = await makeEngine({ idleMs: IDLE_MS });
      try {
        await body(engine, t);
      } finally {
        await engine.broker.close();
        await engine.dispose();
      }
    });
  };
  const say = (broker: Broker, data: string, key?: string): Promise<Published> =>
    broker.publish("t", data, { retention: RETENTION, ...(key !== undefined && { key }) });
  const sayAll = async (broker: Broker, ...data: string[]): Promise<void> => {
    for (const each of data) await say(broker, each);
  };

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

  describe(`the history of the ${name} broker`, () => {
    const texts = ({ publications }: History) => publications.map(({ data }) => data);

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
    const texts = ({ publications }: History) => publications.map(({ data }) => data);
  });

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
      { numRuns: 300 },
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
