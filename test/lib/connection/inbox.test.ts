import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Inbox } from "../../../lib/connection/inbox.ts";

function heapUsed(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

test("an inbox says when it is full and when its reader has caught up, once each", async () => {
  const pressure: boolean[] = [];
  const inbox = new Inbox<number>(2, { unread: (full) => pressure.push(full) });
  for (let i = 0; i < 4; i++) inbox.push(i);
  assert.deepEqual(pressure, [true]);
  for (let i = 0; i < 3; i++) assert.deepEqual(await inbox.next(), { done: false, value: i });
  assert.deepEqual(pressure, [true]);
  await inbox.next();
  assert.deepEqual(pressure, [true, false]);
  assert.equal(inbox.size, 0);
});

test("an inbox whose reader is always one behind keeps no places of what was read", async () => {
  const inbox = new Inbox<number>(4, { unread() {} });
  inbox.push(0);
  const before = heapUsed();
  for (let i = 1; i <= 1_000_000; i++) {
    inbox.push(i);
    assert.equal((await inbox.next()).value, i - 1);
  }
  const grown = heapUsed() - before;
  assert.ok(grown < 2_000_000, `a million places are 8 MB, and it has grown by ${grown}`);
  assert.equal(inbox.size, 1);
});

test("an ended inbox gives what is left and is then done, and takes nothing more", async () => {
  const inbox = new Inbox<number>(9, { unread() {} });
  inbox.push(1);
  inbox.end();
  inbox.push(2);
  assert.equal((await inbox.next()).value, 1);
  assert.equal((await inbox.next()).done, true);
});

test("an inbox that is ended with discard is done at once", async () => {
  const inbox = new Inbox<number>(9, { unread() {} });
  inbox.push(1);
  inbox.end(true);
  assert.equal((await inbox.next()).done, true);
});

test("a reader that waits is done when the inbox ends", async () => {
  const inbox = new Inbox<number>(9, { unread() {} });
  const waiting = inbox.next();
  inbox.end();
  assert.equal((await waiting).done, true);
});
