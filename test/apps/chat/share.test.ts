import assert from "node:assert/strict";
import { test } from "node:test";
import { App, Hub } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createChat } from "../../../apps/chat/index.ts";
import { CHAT_V1 } from "../../../apps/chat/protocol.ts";
import { Rooms } from "../../../apps/chat/room.ts";
import { receiveUntil } from "../../support/held.ts";
import { until } from "../../support/within.ts";

/** Each grows sixfold in JSON: what goes out is many times what may wait for one connection. */
const TEXT = "\u0001".repeat(64 * 1024);
/** Twenty megabytes as they go out: more than the kernel's buffers and `maxBufferedBytes` take. */
const TEXTS = 50;

/** A chat whose senders get nothing back of what they have used up, and three who do not read. */
async function serveDeaf() {
  const rooms = new Rooms(new Hub({ share: { bytesPerSecond: 0 } }));
  const client = await TestClient.start(new App().mount("/chat", createChat(rooms)));
  const readers = await Promise.all(
    ["ann", "bob", "eve"].map((name) =>
      client.connect(`/chat/tea/${name}`, { protocols: [CHAT_V1] }),
    ),
  );
  await until(() => rooms.hub.members("tea").length === 3, "three readers");
  for (const { ws } of readers) ws.pause();
  return { rooms, client, readers };
}

test("a sender whose texts grow sixfold fills no reader's buffer beyond its own share", async () => {
  const { rooms, client, readers } = await serveDeaf();
  await using _client = client;
  const connections = rooms.hub.members("tea");
  const sender = await client.connect("/chat/tea/sender");
  for (let i = 0; i < TEXTS; i++) sender.send(TEXT);
  // The second of its texts is beyond the share: its handler has begun with it, and waits.
  const lines: string[] = [];
  while (lines.length < 3) {
    const text = String(await sender.receive({ timeoutMs: 10_000 }));
    lines.push(text.slice(0, text.indexOf(":")));
  }
  assert.deepEqual(lines, ["You wrote", "Client #sender says", "You wrote"]);
  sender.terminate();
  await until(() => rooms.presence.count("tea") === 3, "the sender to be gone");
  const { position } = await rooms.hub.broker.read("tea");
  assert.equal(position.offset, 1);
  for (const connection of connections) {
    assert.ok(connection.open);
    assert.ok(connection.bufferedBytes < 1024 * 1024, `${connection.bufferedBytes} bytes wait`);
    void connection.send("last");
  }
  for (const reader of readers) {
    reader.ws.resume();
    const messages = (await receiveUntil(reader, "last")).map((text) => JSON.parse(text));
    assert.equal(messages.filter(({ type }) => type === "message").length, 1);
  }
});
