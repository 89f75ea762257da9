import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { echo } from "../../../apps/echo/index.ts";
import { Child } from "./child.ts";
import type { Crowd, Positions } from "./crowd.ts";
import { seconds, until } from "./measure.ts";

test("5,000 clients are dropped at once and come back, each to what it has missed", async (t) => {
  const crowd = { echoes: 2_500, rooms: 100, members: 25 };
  const rooms = new Rooms();
  const { hub, presence } = rooms;
  const app = new App({ maxConnections: 20_000 });
  app.mount("/ws", echo).mount("/chat", createChat(rooms));
  // Not one more than there are: who comes back finds room only if all were counted out.
  await using client = await TestClient.start(app, { maxConnections: 5_000, leftovers: false });
  const { live } = client.serving.upgrades;
  const begun = performance.now();
  let positions: Positions;
  {
    await using first = new Child("crowd.ts");
    const given: Crowd = { ...crowd, url: client.url };
    assert.equal(await first.ask("open", given), 5_000);
    positions = await first.ask<Positions>("converse", crowd);
    assert.equal(app.limits?.total, 5_000);
    assert.equal(hub.topics().length, crowd.rooms);
    await first.kill();
  }
  const dropped = performance.now();
  await until(() => live.size === 0, "5,000 to be let go");
  const gone = performance.now();
  assert.equal(app.limits?.total, 0);
  assert.deepEqual(hub.topics(), []);
  assert.deepEqual(hub.connections(), []);
  assert.deepEqual(presence.topics(), []);

  const missed = JSON.stringify({ from: "nobody", text: "while you were away" });
  for (let room = 0; room < crowd.rooms; room++) await hub.publish(`room-${room}`, missed);
  await using second = new Child("crowd.ts");
  const again: Crowd = { ...crowd, url: client.url, positions };
  assert.equal(await second.ask("open", again), 5_000);
  const back = performance.now();
  const found = await second.ask<Returned[]>("returned", { missed: 1 });
  assert.equal(found.length, crowd.rooms * crowd.members);
  for (const { name, recovered, offsets } of found) {
    const { offset } = positions[name] as Positions[string];
    assert.deepEqual([recovered, offsets], [true, [offset + 1]], name);
  }
  await second.ask("converse", crowd);
  assert.equal(live.size, 5_000);
  assert.deepEqual(await second.ask("leave", { how: "close" }), { 1000: 5_000 });
  await until(() => live.size === 0, "5,000 to be let go");
  t.diagnostic(
    `5,000 came and spoke in ${seconds(dropped - begun)}, were let go in ${seconds(gone - dropped)}, ` +
      `came back in ${seconds(back - gone)}; 2,500 of 2,500 members got what they had missed, once`,
  );
});

interface Returned {
  readonly name: string;
  readonly recovered: boolean;
  readonly offsets: number[];
}
