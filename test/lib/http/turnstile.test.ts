import assert from "node:assert/strict";
import { test } from "node:test";
import { Turnstile } from "../../../lib/http/turnstile.ts";

/** Waits for the end of this turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("a turnstile lets so many through each turn, in order, and none at once", async () => {
  const turnstile = new Turnstile(3);
  const through: number[] = [];
  for (let number = 0; number < 7; number++) turnstile.queue(() => through.push(number));
  assert.deepEqual(through, []);
  for (const expected of [3, 6, 7, 7]) {
    await turn();
    assert.equal(through.length, expected);
  }
  assert.deepEqual(through, [0, 1, 2, 3, 4, 5, 6]);
});

test("what is queued in a turn comes in the next, behind what waits", async () => {
  const turnstile = new Turnstile(2);
  const through: string[] = [];
  turnstile.queue(() => {
    through.push("first");
    turnstile.queue(() => through.push("again"));
  });
  for (const name of ["second", "third"]) turnstile.queue(() => through.push(name));
  await turn();
  assert.deepEqual(through, ["first", "second"]);
  await turn();
  assert.deepEqual(through, ["first", "second", "third", "again"]);
  await turn();
  turnstile.queue(() => through.push("later"));
  await turn();
  assert.equal(through.at(-1), "later");
});
