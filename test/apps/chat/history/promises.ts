import assert from "node:assert/strict";
import type { TestSocket } from "koa-subapps/testing";
import { type Action, KEPT } from "./action.ts";
import type { Link } from "./client.ts";
import type { Room } from "./room.ts";

/** One round: everything at once, then silence, then a look at what was promised. */
export async function round(room: Room, actions: readonly Action[]): Promise<void> {
  const before = room.length;
  const linked = new Map(room.clients.map((client) => [client, client.links.length]));
  const acked = new Map(room.clients.map((client) => [client, client.acks.length]));
  const earlier = room.places();
  for (const each of actions) room.act(each);
  await room.settle();
  const after = room.length;
  for (const client of room.clients) {
    for (const link of client.links.slice(linked.get(client))) checkResume(link, before, after);
    for (const { said, offset } of client.acks.slice(acked.get(client))) {
      const place = earlier.get(said.id);
      if (place === undefined) continue;
      if (place > after - KEPT) assert.equal(offset, place, "resent while it was retained");
      if (place <= before - KEPT) assert.ok(offset > before, "resent when it was forgotten");
    }
    for (const [id, { outcome }] of client.reused) {
      const place = earlier.get(id);
      if (place === undefined || (typeof outcome === "number" && outcome <= before)) continue;
      if (place > after - KEPT) assert.equal(outcome, "error", "reused while it was retained");
    }
  }
}

function checkResume(link: Link, before: number, after: number): void {
  const [first, ...more] = link.welcomes;
  if (!first) return;
  const { since } = link;
  if (typeof since === "string") assert.equal(first.recovered, false, since);
  else if (since && since.offset < before - KEPT) {
    assert.equal(first.recovered, false, `from ${since.offset} of ${before}`);
  } else if (since && since.offset >= after - KEPT) {
    assert.equal(first.recovered, true, `from ${since.offset} of ${after}`);
  }
  if (!first.recovered) {
    // All that is retained follows: as many as there are, at most as many as are kept.
    assert.ok(first.position.offset >= Math.max(before - KEPT, 0));
    assert.ok(first.position.offset <= Math.max(after - KEPT, 0));
  }
  if (more.length > 0) assert.ok(after - first.position.offset > KEPT, "nothing was lost");
}

/** What must hold of a room's whole history. */
export function checkTruth(room: Room): void {
  const truth = [...room.witness.seen.values()];
  assert.deepEqual(
    truth.map(({ offset }) => offset),
    truth.map((_, i) => i + 1),
  );
  for (const client of [room.witness, ...room.clients]) {
    for (const message of client.seen.values()) {
      assert.deepEqual(message, truth[message.offset - 1]);
    }
    // Acknowledged means delivered: the witness stayed, so it has been sent it.
    for (const { said, offset } of client.acks) {
      const { from, text } = truth[offset - 1] ?? {};
      assert.deepEqual([from, text], [client.name, said.text]);
    }
    for (const said of client.outbox) {
      assert.ok(said.acknowledged !== undefined, `${said.id} was resent until it was acknowledged`);
    }
  }
  // An id that is retained is published once.
  const last = new Map<string, number>();
  for (const { text, offset } of truth) {
    const id = text.split(" ")[0] ?? "";
    const place = last.get(id);
    if (place !== undefined) assert.ok(offset - place > KEPT, `${id} at ${place} and ${offset}`);
    last.set(id, offset);
  }
}

/** Reads all that a reader of plain text was sent, up to a last line. */
export async function checkPlain(room: Room, plain: TestSocket): Promise<void> {
  const expected = [...room.witness.seen.values()].map(
    ({ from, text }) => `Client #${from} says: ${text}`,
  );
  plain.send("last");
  const lines: string[] = [];
  for (;;) {
    const line = (await plain.receive()).toString();
    if (line === "You wrote: last") break;
    if (!line.endsWith(" left the chat")) lines.push(line);
  }
  assert.deepEqual(lines, expected);
}
