import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position } from "../../../../lib/broker/broker.ts";
import { Feed } from "../../../../lib/broker/redis/feed.ts";
import type { Snapshot } from "../../../../lib/broker/redis/snapshot.ts";
import { TailBudget } from "../../../../lib/broker/redis/tail.ts";
import { until } from "../../../support/within.ts";

/** A feed of a topic whose stream is a list in this process. */
function feedOf(snapshot: Snapshot) {
  const stream = { snapshot, reads: 0 };
  const told: string[] = [];
  const read = async (_: string, position: Position, after: number | undefined) => {
    stream.reads++;
    const { epoch, entries } = stream.snapshot;
    const from = position.epoch === epoch && after !== undefined ? after : 0;
    return { ...stream.snapshot, entries: entries.filter(({ offset }) => offset > from) };
  };
  const feed = new Feed("t", { read, tell() {} }, new TailBudget());
  feed.subscribers.add({
    message: ({ offset }) => void told.push(`${offset}`),
    signal: (data) => void told.push(data),
    epoch: ({ epoch }) => void told.push(epoch),
  });
  return { feed, stream, told };
}

const entry = (offset: number) => ({
  offset,
  data: `m${offset}`,
  at: 0,
  expiresAt: Number.MAX_SAFE_INTEGER,
});
const arrived = (epoch: string, offset: number) => ({ epoch, entry: entry(offset), floor: 1 });
const snapshotTo = (epoch: string, offset: number): Snapshot => ({
  epoch,
  offset,
  floor: 1,
  entries: Array.from({ length: offset }, (_, i) => entry(i + 1)),
});

test("the first message of an epoch that has ended, which comes late, does not begin it again", async () => {
  const { feed, stream, told } = feedOf(snapshotTo("new", 2));
  feed.begin(stream.snapshot);
  feed.receive(arrived("old", 1));
  await until(() => stream.reads === 1, "a look at the stream");
  feed.receive(arrived("new", 3));
  assert.deepEqual(told, ["3"]);
  assert.deepEqual(feed.position, { epoch: "new", offset: 3 });
  feed.close();
});

test("a message of a new epoch brings the whole epoch, after it was told", async () => {
  const { feed, stream, told } = feedOf(snapshotTo("old", 5));
  feed.begin(stream.snapshot);
  stream.snapshot = snapshotTo("new", 3);
  feed.receive(arrived("new", 3));
  await until(() => told.length === 4, "the new epoch");
  assert.deepEqual(told, ["new", "1", "2", "3"]);
  feed.close();
});

test("messages that come twice and out of order are told once and in order", () => {
  const { feed, stream, told } = feedOf(snapshotTo("e", 0));
  feed.begin(stream.snapshot);
  for (const offset of [2, 1, 1, 2, 4, 3, 3]) feed.receive(arrived("e", offset));
  assert.deepEqual([told, stream.reads], [["1", "2", "3", "4"], 0]);
  feed.close();
});

test("a gap that opens while another one is read is read as well", async () => {
  const { feed, stream, told } = feedOf(snapshotTo("e", 2));
  feed.begin(snapshotTo("e", 0));
  feed.fill();
  // Behind the read that is under way; 3 is lost.
  feed.receive(arrived("e", 4));
  stream.snapshot = snapshotTo("e", 4);
  await until(() => told.length === 4, "all messages");
  assert.deepEqual(told, ["1", "2", "3", "4"]);
  feed.close();
});

test("a feed that is closed while it reads tells nothing, and reads no more", async () => {
  const { feed, stream, told } = feedOf(snapshotTo("e", 3));
  feed.begin(snapshotTo("e", 0));
  feed.fill();
  feed.fill();
  feed.close();
  await new Promise((resolve) => setImmediate(resolve));
  feed.receive(arrived("e", 1));
  assert.deepEqual([told, stream.reads], [[], 1]);
});
