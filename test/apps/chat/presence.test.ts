import assert from "node:assert/strict";
import { test } from "node:test";
import { App, Hub, type PresencePace } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { type FromServer, fromServer } from "../../../apps/chat/protocol.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { Chatter } from "../../support/chatter.ts";
import { until } from "../../support/within.ts";

const HOUR_MS = 3_600_000;

async function serveRooms(pace: PresencePace) {
  const rooms = new Rooms(new Hub(), pace);
  const client = await TestClient.start(new App().mount("/chat", createChat(rooms)));
  return { rooms, client };
}

test("in a large room those who come and go are no message each to everybody", async () => {
  const { rooms, client } = await serveRooms({ large: 2, everyMs: HOUR_MS });
  await using _client = client;
  const { chatter: ann } = await Chatter.enter(client, "tea/ann");
  await Chatter.enter(client, "tea/bob");
  await Chatter.enter(client, "tea/eve");
  for (let i = 0; i < 20; i++) {
    const { chatter } = await Chatter.enter(client, `tea/visitor-${i}`);
    await chatter.socket.close();
  }
  await until(() => rooms.presence.count("tea") === 3, "the visitors to be gone");
  // One at once, and the next an hour later.
  assert.equal((await ann.next("joined")).member.id, "bob");
  assert.equal((await ann.next("joined")).member.id, "eve");
  await ann.nothingElse();
});

test("in a large room a member knows who is there from the changes that are told together", async () => {
  const { rooms, client } = await serveRooms({ large: 2, everyMs: 20 });
  await using _client = client;
  const { chatter, welcome } = await Chatter.enter(client, "tea/ann");
  const known = new Set(welcome.members.map(({ id }) => id));
  let together = 0;
  chatter.socket.ws.on("message", (data) => {
    const message: FromServer = fromServer.parse(JSON.parse(String(data)));
    if (message.type === "presence") together++;
    const changes = message.type === "presence" ? message.changes : [message];
    for (const change of changes) {
      if (change.type === "joined") known.add(change.member.id);
      if (change.type === "left") known.delete(change.member.id);
    }
  });
  const visits = Array.from({ length: 40 }, async (_, i) => {
    const socket = await client.connect(`/chat/tea/visitor-${i}`, {
      protocols: i % 2 ? ["chat.v1"] : [],
    });
    if (i % 4 === 0) await socket.close();
  });
  await Promise.all(visits);
  const present = () => rooms.presence.list("tea").map(({ id }) => id);
  await until(() => present().length === 31, "ten of forty to be gone");
  await until(
    () => known.size === 31,
    () => `31 that ann knows of, but they are ${known.size}`,
  );
  assert.deepEqual([...known].sort(), present().sort());
  assert.ok(together > 0, "some of it was told together");
});

test("in a large room every plain-text member still reads who has left", async () => {
  const { client } = await serveRooms({ large: 1, everyMs: HOUR_MS });
  await using _client = client;
  const reader = await client.connect("/chat/tea/reader");
  const sockets = await Promise.all(
    ["a", "b", "c"].map((name) => client.connect(`/chat/tea/${name}`)),
  );
  const left: string[] = [];
  reader.ws.on("message", (data) => left.push(String(data)));
  for (const socket of sockets) await socket.close();
  await until(() => left.length === 3, "three lines");
  assert.deepEqual(
    left.sort(),
    ["a", "b", "c"].map((name) => `Client #${name} left the chat`),
  );
});
