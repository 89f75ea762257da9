// Random histories of a room over real sockets, against a model of what may be promised. The
// truth is what a member that stays from the first message to the last is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { App, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { RestartingBroker } from "../../support/restarting-broker.ts";
import { until } from "../../support/within.ts";
import { type Action, KEPT, rounds } from "./history/action.ts";
import { checkPlain, checkTruth, round } from "./history/promises.ts";
import { Room } from "./history/room.ts";

const RUNS = 100;
const TIMEOUT_MS = 150_000;

test("no history of a room loses, repeats or reorders a message, or lies about it", {
  timeout: TIMEOUT_MS,
}, async () => {
  // As a broker elsewhere it takes its time, so that much happens between a read and its answer.
  const broker = new RestartingBroker();
  const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
  Object.assign(broker, { beforeSubscribe: pause, beforeRead: pause, afterRead: pause });
  const rooms = new Rooms(new Hub({ broker, retention: { count: KEPT, ageMs: 3_600_000 } }));
  await using client = await TestClient.start(new App().mount("/chat", createChat(rooms)));
  const seen = { true: 0, false: 0, null: 0, errors: 0, repeated: 0 };
  let run = 0;
  await fc.assert(
    fc.asyncProperty(rounds, async (list) => {
      const room = new Room(client, rooms, `r${run++}`);
      await room.listen();
      room.witness.connect();
      // One who reads plain text and stays is promised all that comes from now on.
      const plain = await client.connect(`/chat/r${run - 1}/plain`);
      const { live } = client.serving.upgrades;
      try {
        await room.settle();
        for (const actions of list) await round(room, actions);
        const last: Action[] = room.clients.map((_, who) => ({ do: "resume", who }));
        await round(room, last);
        await round(room, last);
        checkTruth(room);
        await checkPlain(room, plain);
      } finally {
        plain.terminate();
        for (const each of [room.witness, ...room.clients]) each.drop();
        await until(() => live.size === 0, "everybody to be gone");
      }
      for (const each of room.clients) {
        for (const { recovered } of each.links.flatMap(({ welcomes }) => welcomes)) {
          seen[`${recovered}`]++;
        }
        for (const { outcome } of each.reused.values()) if (outcome === "error") seen.errors++;
        seen.repeated += each.acks.length - new Set(each.acks.map(({ offset }) => offset)).size;
      }
    }),
    { numRuns: RUNS },
  );
  // The histories were no easy ones: all that can happen has happened.
  for (const [what, times] of Object.entries(seen)) {
    assert.ok(times > 0, `expected ${what} in one of ${RUNS} histories`);
  }
});
