import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { atEndOfTurn, messageCame, thisTurn } from "../../../lib/loop/turn.ts";

describe("a turn of the event loop", () => {
  // Whatever the test before has left.
  beforeEach(async () => {
    atEndOfTurn({ letGo() {} });
    await nextTurn();
  });

  test("has one number until all that it began is done", async () => {
    const turn = thisTurn();
    await Promise.resolve();
    assert.equal(thisTurn(), turn);
    await nextTurn();
    assert.notEqual(thisTurn(), turn);
  });

  test("is another one for each message behind which something was written", () => {
    messageCame();
    messageCame();
    const first = thisTurn();
    assert.equal(thisTurn(), first);
    messageCame();
    assert.notEqual(thisTurn(), first);
  });

  test("stays one while something waits for its end, whatever comes", async () => {
    messageCame();
    const turn = thisTurn();
    atEndOfTurn({ letGo() {} });
    messageCame();
    assert.equal(thisTurn(), turn);
    await nextTurn();
    assert.notEqual(thisTurn(), turn);
  });

  test("lets go at its end, once each and in order, of what was held back", async () => {
    const gone: string[] = [];
    for (const name of ["a", "b"]) atEndOfTurn({ letGo: () => void gone.push(name) });
    assert.deepEqual(gone, []);
    await nextTurn();
    await nextTurn();
    assert.deepEqual(gone, ["a", "b"]);
  });

  test("that a message began ends without a callback: what a timer writes counts for it", async () => {
    messageCame();
    const turn = thisTurn();
    await nextTurn();
    assert.equal(thisTurn(), turn);
    atEndOfTurn({ letGo() {} });
    await nextTurn();
    const timers = thisTurn();
    await nextTurn();
    assert.notEqual(thisTurn(), timers);
  });
});
