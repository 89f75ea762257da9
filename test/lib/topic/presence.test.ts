import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Presence } from "koa-subapps";

const ids = (presence: Presence, topic: string) => presence.list(topic).map(({ id }) => id);

describe("presence", () => {
  test("is one entry for each client, however many connections it has", () => {
    const presence = new Presence();
    const came = presence.enter("t", "ann");
    assert.equal(came?.id, "ann");
    assert.equal(presence.enter("t", "ann"), undefined);
    assert.deepEqual(presence.list("t"), [came]);
    assert.equal(presence.exit("t", "ann"), undefined);
    assert.deepEqual(presence.list("t"), [came]);
    assert.deepEqual(presence.exit("t", "ann"), came);
    assert.deepEqual(presence.list("t"), []);
  });

  test("dates a client from the first of its connections, and anew when it comes back", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0, 1) });
    const presence = new Presence();
    presence.enter("t", "ann");
    t.mock.timers.tick(1_000);
    presence.enter("t", "ann");
    assert.deepEqual(presence.list("t"), [{ id: "ann", since: "2026-01-01T00:00:00.000Z" }]);
    presence.exit("t", "ann");
    presence.exit("t", "ann");
    t.mock.timers.tick(1_000);
    assert.deepEqual(presence.enter("t", "ann"), { id: "ann", since: "2026-01-01T00:00:02.000Z" });
  });

  test("lists who is there the longest first", () => {
    const presence = new Presence();
    for (const id of ["bob", "ann", "eve", "10", "9"]) presence.enter("t", id);
    presence.enter("t", "ann");
    presence.exit("t", "bob");
    presence.enter("t", "bob");
    assert.deepEqual(ids(presence, "t"), ["ann", "eve", "10", "9", "bob"]);
  });

  test("keeps topics apart, and nothing of one that nobody is in", () => {
    const presence = new Presence();
    presence.enter("t", "ann");
    presence.enter("u", "ann");
    assert.deepEqual(presence.topics(), ["t", "u"]);
    presence.exit("t", "ann");
    assert.deepEqual(
      [presence.topics(), ids(presence, "t"), ids(presence, "u")],
      [["u"], [], ["ann"]],
    );
    presence.exit("u", "ann");
    assert.deepEqual(presence.topics(), []);
  });

  test("takes a goodbye of somebody who was not there for nothing", () => {
    const presence = new Presence();
    assert.equal(presence.exit("t", "ann"), undefined);
    presence.enter("t", "ann");
    assert.equal(presence.exit("t", "bob"), undefined);
    presence.exit("t", "ann");
    assert.equal(presence.exit("t", "ann"), undefined);
    assert.equal(presence.enter("t", "ann")?.id, "ann");
  });

  test("takes names for names that are properties of every object", () => {
    const presence = new Presence();
    for (const name of ["__proto__", "constructor", "toString"]) {
      assert.equal(presence.enter(name, name)?.id, name);
      assert.deepEqual(ids(presence, name), [name]);
      presence.exit(name, name);
    }
    assert.deepEqual(presence.topics(), []);
  });

  test("counts as one would by hand", () => {
    const step = fc.record({
      enter: fc.boolean(),
      topic: fc.constantFrom("t", "u"),
      id: fc.constantFrom("ann", "bob", "eve"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const presence = new Presence();
        const connected: string[] = [];
        for (const { enter, topic, id } of steps) {
          const who = `${topic}/${id}`;
          const before = connected.filter((each) => each === who).length;
          if (enter) {
            connected.push(who);
            assert.equal(presence.enter(topic, id) !== undefined, before === 0);
          } else {
            if (before > 0) connected.splice(connected.indexOf(who), 1);
            assert.equal(presence.exit(topic, id) !== undefined, before === 1);
          }
          for (const topic of ["t", "u"]) {
            const expected = new Set(connected.filter((each) => each.startsWith(topic)));
            assert.deepEqual(
              ids(presence, topic).sort(),
              [...expected].map((each) => each.slice(2)).sort(),
            );
          }
        }
      }),
    );
  });
});
