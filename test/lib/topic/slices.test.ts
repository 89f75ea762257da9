import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FanOut } from "../../../lib/topic/fan-out.ts";
import { Slices } from "../../../lib/topic/slices.ts";
import { Listener } from "../../support/listener.ts";

/** Slices whose turns and whose clock are in the test's hands. */
function sliced(nextTime: () => number) {
  const turns: (() => void)[] = [];
  return { turns, slices: new Slices(nextTime, (turn) => turns.push(turn)) };
}

/** Some fan-outs, with the messages that each of their targets should have had. */
function fanOuts(sizes: readonly number[], slices: Slices) {
  return sizes.map((size) => {
    const targets = new Map<number, Listener>();
    const fanOut = new FanOut(targets, slices);
    for (let i = 0; i < size; i++) targets.set(i, new Listener(fanOut.last));
    const expected: number[] = [];
    return { fanOut, targets, expected };
  });
}

describe("work that is done in slices", () => {
  test("is done, whatever the clock says and however long the pauses between two looks", () => {
    const times = fc.array(fc.double({ min: -1e7, max: 1e7, noNaN: false }), { minLength: 1 });
    const steps = fc.array(fc.record({ to: fc.nat(2), turns: fc.nat(3) }), { maxLength: 40 });
    const sizes = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(times, steps, sizes, (clock, steps, sizes) => {
        let looks = 0;
        const { turns, slices } = sliced(() => clock[looks++ % clock.length] ?? 0);
        const all = fanOuts(sizes, slices);
        for (const [number, { to, turns: passing }] of steps.entries()) {
          const { fanOut, expected } = all[to] as (typeof all)[number];
          expected.push(number);
          fanOut.add(({ got }) => got.push(number));
          for (let i = 0; i < passing; i++) turns.shift()?.();
        }
        // Each turn gets on by at least 32 targets: no more of them are called for than that takes.
        for (let left = 2_000; left > 0 && turns.length > 0; left--) turns.shift()?.();
        assert.equal(turns.length, 0, "turns are called for without end");
        for (const { targets, expected } of all) {
          for (const { got } of targets.values()) assert.deepEqual(got, expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("stays called for when a pause is longer than the turn, before anything is done in it", () => {
    let now = 0;
    // Six milliseconds pass between any two looks: of the collector, say.
    const { turns, slices } = sliced(() => {
      now += 6;
      return now;
    });
    const [one] = fanOuts([1_000], slices);
    assert.ok(one);
    one.fanOut.add(({ got }) => got.push(1));
    for (let i = 0; i < Math.floor(1_000 / 32); i++) {
      assert.equal(turns.length, 1, `nothing is called for after ${i} turns`);
      turns.shift()?.();
    }
    for (const { got } of one.targets.values()) assert.deepEqual(got, [1]);
    assert.equal(turns.length, 0, "and nothing is when all is done");
  });

  test("goes on with what comes after work that has failed", () => {
    const { turns, slices } = sliced(() => 0);
    const [one] = fanOuts([3], slices);
    assert.ok(one);
    const failing = () =>
      one.fanOut.add(() => {
        throw new Error("expected by this test");
      });
    assert.throws(failing, /expected by this test/);
    one.fanOut.add(({ got }) => got.push(2));
    for (let left = 10; left > 0 && turns.length > 0; left--) {
      try {
        turns.shift()?.();
      } catch {}
    }
    for (const { got } of one.targets.values()) assert.deepEqual(got, [2]);
  });
});

describe("what is published while a message is being sent", () => {
  for (const size of [1, 40, 100]) {
    test(`a hundred deep, comes to ${size} in the order in which it was published`, () => {
      const { turns, slices } = sliced(() => 0);
      const [one] = fanOuts([size], slices);
      assert.ok(one);
      const { fanOut, targets } = one;
      const publish = (number: number) => {
        let isFirst = true;
        fanOut.add(({ got }) => {
          got.push(number);
          if (isFirst && number < 100) publish(number + 1);
          isFirst = false;
        });
      };
      publish(0);
      while (turns.length > 0) turns.shift()?.();
      const all = Array.from({ length: 101 }, (_, i) => i);
      for (const { got } of targets.values()) assert.deepEqual(got, all);
    });
  }
});
