import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { closes, held, inTime, NEVER, open, PING, PONG, TEXT } from "../../support/liveness.ts";
import { turned } from "../../support/turned.ts";
import { frame } from "../../support/wire.ts";

describe("messages that are not read", () => {
  const FULL = { heartbeatMs: 20, pongTimeoutMs: 20, unreadTimeoutMs: 300, queueMessages: 4 };

  test("stop the pong clock, and close 1008 after a while", async () => {
    const { app, socket } = held(FULL);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const connection = await socket;
    wire.write(...Array.from({ length: 10 }, () => frame(TEXT, "x")));
    await closes(wire, 1008, "messages are not read");
    const { code, reason } = await connection.closed;
    assert.deepEqual([code, reason], [1008, ""]);
  });

  test("stop the pong clock for a client that cannot be heard, and it stays when they are read", async () => {
    const { app, socket } = held({ ...FULL, unreadTimeoutMs: NEVER });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const connection = await socket;
    for (let round = 0; round < 3; round++) {
      wire.write(...Array.from({ length: 10 }, (_, i) => frame(TEXT, `${i}`)));
      await turned(200);
      for (let i = 0; i < 10; i++) {
        assert.equal(await inTime(connection.receive(), "a message"), `${i}`);
      }
      // And the heartbeat goes on.
      let pings = 0;
      while (pings < 3) {
        const { opcode, payload } = await wire.frame();
        if (opcode === PING) pings++;
        wire.write(frame(PONG, payload));
      }
    }
    assert.equal(connection.open, true);
  });

  test("have a deadline of their own each time that the queue is full", async () => {
    const { app, socket } = held({ ...FULL, pongTimeoutMs: NEVER, unreadTimeoutMs: 200 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const connection = await socket;
    for (let round = 0; round < 4; round++) {
      wire.write(...Array.from({ length: 4 }, () => frame(TEXT, "x")));
      await turned(80);
      for (let i = 0; i < 4; i++) await inTime(connection.receive(), "a message");
    }
    assert.equal(connection.open, true);
    wire.write(...Array.from({ length: 4 }, () => frame(TEXT, "x")));
    await closes(wire, 1008, "messages are not read");
  });

  test("do not hide a client that is gone, once they are read", async () => {
    const { app, socket } = held({ ...FULL, unreadTimeoutMs: NEVER });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const connection = await socket;
    wire.write(...Array.from({ length: 4 }, () => frame(TEXT, "x")));
    await turned(100);
    for (let i = 0; i < 4; i++) await connection.receive();
    assert.equal((await inTime(connection.closed, "the end")).code, 1006);
  });

  test("may be fewer than a full queue for as long as the handler likes", async () => {
    const { app, socket } = held({ ...FULL, pongTimeoutMs: NEVER, unreadTimeoutMs: 60 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const connection = await socket;
    wire.write(...Array.from({ length: 3 }, () => frame(TEXT, "x")));
    await turned(300);
    assert.equal(connection.open, true);
  });
});
