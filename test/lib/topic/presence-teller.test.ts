import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import { Presence, type PresenceChange, PresenceTeller } from "koa-subapps";

const EVERY_MS = 250;

/** A topic `t`, with what has been told of it. */
function topic(t: TestContext, present: number, large = 10) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const presence = new Presence();
  for (let i = 0; i < present; i++) presence.enter("t", `present-${i}`);
  const told: string[][] = [];
  const tell = async (_topic: string, changes: readonly PresenceChange[]) => {
    told.push(changes.map(({ type, member }) => `${type} ${member.id}`));
  };
  const teller = new PresenceTeller(presence, tell, { large, everyMs: EVERY_MS });
  const enter = (id: string) => {
    const member = presence.enter("t", id);
    if (member) void teller.changed("t", { type: "joined", member });
  };
  const exit = (id: string) => {
    const member = presence.exit("t", id);
    if (member) void teller.changed("t", { type: "left", member });
  };
  return { presence, teller, told, enter, exit, tick: () => t.mock.timers.tick(EVERY_MS) };
}

describe("changes of presence", () => {
  test("are told at once and one by one in a small topic", (t) => {
    const { told, enter, exit } = topic(t, 3);
    enter("ann");
    enter("bob");
    exit("ann");
    assert.deepEqual(told, [["joined ann"], ["joined bob"], ["left ann"]]);
  });

  test("are told together in a large one: the first at once, the others after a while", (t) => {
    const { told, enter, exit, tick } = topic(t, 20);
    enter("ann");
    enter("bob");
    exit("present-1");
    assert.deepEqual(told, [["joined ann"]]);
    tick();
    assert.deepEqual(told.splice(0), [["joined ann"], ["joined bob", "left present-1"]]);
    exit("ann");
    assert.deepEqual(told, []);
    tick();
    assert.deepEqual(told.splice(0), [["left ann"]]);
    tick();
    tick();
    enter("ann");
    assert.deepEqual(told, [["joined ann"]], "after a rest the first is told at once again");
  });

  test("keep the order of one client's, and say nothing of who came and went in between", (t) => {
    const { told, enter, exit, tick } = topic(t, 20);
    enter("first");
    for (let i = 0; i < 3; i++) {
      enter("ann");
      exit("present-1");
      exit("ann");
      enter("present-1");
    }
    tick();
    assert.deepEqual(told, [["joined first"], ["left present-1", "joined present-1"]]);
  });

  test("are a few messages a second, however many come and go", (t) => {
    const { told, enter, exit, tick } = topic(t, 1_500);
    for (let i = 0; i < 2_000; i++) {
      enter(`visitor-${i}`);
      exit(`visitor-${i}`);
      if (i % 50 === 49) tick();
    }
    assert.ok(told.length <= 41, `${told.length} messages in ten seconds`);
  });

  test("that cannot be told are told to who asked: now by a rejection, later by its function", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const presence = new Presence();
    for (const id of ["ann", "bob"]) presence.enter("t", id);
    const teller = new PresenceTeller(presence, () => Promise.reject(new Error("away")), {
      large: 1,
      everyMs: EVERY_MS,
    });
    const change = { type: "joined", member: { id: "eve", since: "" } } as const;
    const later: unknown[] = [];
    await assert.rejects(teller.changed("t", change), /away/);
    await teller.changed("t", change, (error) => later.push(error));
    t.mock.timers.tick(EVERY_MS);
    await Promise.resolve();
    assert.match(String(later), /away/);
  });

  test("told in any rhythm leave everybody with who is there, as one by one would", (t) => {
    const step = fc.record({
      what: fc.constantFrom("enter", "exit", "tick"),
      id: fc.constantFrom("ann", "bob", "eve", "present-0"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(4), (steps, large) => {
        t.mock.timers.reset();
        const { presence, told, enter, exit, tick } = topic(t, 2, large);
        const known = new Set(presence.list("t").map(({ id }) => id));
        for (const { what, id } of steps) {
          if (what === "tick") tick();
          else if (what === "enter") enter(id);
          else exit(id);
        }
        for (let i = 0; i < 3; i++) tick();
        for (const [type = "", id = ""] of told.flat().map((change) => change.split(" "))) {
          assert.equal(known.has(id), type === "left", `${told}`);
          type === "left" ? known.delete(id) : known.add(id);
        }
        assert.deepEqual(
          [...known].sort(),
          presence
            .list("t")
            .map(({ id }) => id)
            .sort(),
        );
      }),
    );
  });
});
