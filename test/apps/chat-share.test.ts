import assert from "node:assert/strict";
import { test } from "node:test";
import { createChat } from "../../apps/chat/index.ts";
import { CHAT_V1 } from "../../apps/chat/protocol.ts";
import { App } from "../../lib/index.ts";
import { TestClient } from "../../lib/testing/index.ts";

/** Each grows sixfold in JSON: what goes out is many times what may wait for one connection. */
const TEXT = "\u0001".repeat(64 * 1024);
const TEXTS = 17;

test("a sender whose texts grow sixfold on their way cuts off nobody who reads", async () => {
  await using client = await TestClient.start(new App().mount("/chat", createChat()));
  const path = (name: string) => `/chat/tea/${name}`;
  const options = { protocols: [CHAT_V1] };
  const readers = await Promise.all(
    ["ann", "bob", "eve"].map((name) => client.connect(path(name), options)),
  );
  const sender = await client.connect(path("sender"));
  for (let i = 0; i < TEXTS; i++) sender.send(TEXT);
  await Promise.all(
    readers.map(async (reader) => {
      for (let offset = 1; offset <= TEXTS; ) {
        const message = await reader.receiveJson<{ type: string; offset: number; text: string }>({
          timeoutMs: 60_000,
        });
        if (message.type !== "message") continue;
        assert.equal(message.offset, offset++);
        assert.equal(message.text.length, TEXT.length);
      }
      assert.equal(reader.ws.readyState, reader.ws.OPEN);
    }),
  );
});
