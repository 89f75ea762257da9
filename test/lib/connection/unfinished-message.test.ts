import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { ticker } from "../../../lib/loop/ticker.ts";
import {
  answers,
  CLOSE,
  closes,
  echo,
  NEVER,
  next,
  open,
  PING,
  PONG,
  TEXT,
} from "../../support/liveness.ts";
import { turned } from "../../support/turned.ts";
import { frame } from "../../support/wire.ts";

describe("a message that is begun and not ended", () => {
  const BEGUN = "a message was begun and not ended";
  const LATE = { heartbeatMs: 20, pongTimeoutMs: NEVER, messageTimeoutMs: 200 };

  test("closes 1008 after its first fragment, whatever pongs and pings come between", async () => {
    const { app, ended } = echo(LATE);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    await answers(wire, "whole");
    wire.write(frame(TEXT, "begun", false), frame(PING, "p".repeat(125)));
    assert.equal((await next(wire)).opcode, PONG);
    await closes(wire, 1008, BEGUN);
    assert.deepEqual((await ended()).seen, ["whole"]);
  });

  test("closes 1008 when fragments without end keep it going", async () => {
    const { app, ended } = echo(LATE);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    wire.write(frame(TEXT, "", false));
    for (;;) {
      const { opcode, payload } = await wire.frame();
      if (opcode === PING) {
        wire.write(frame(PONG, payload), frame(0, "", false));
        continue;
      }
      assert.deepEqual([opcode, payload.readUInt16BE(0)], [CLOSE, 1008]);
      assert.equal(payload.subarray(2).toString(), BEGUN);
      break;
    }
    wire.write(frame(CLOSE, Buffer.from([0x03, 0xf0])));
    await wire.end();
    assert.deepEqual((await ended()).seen, []);
  });

  test("closes 1008 when its one frame is dribbled byte by byte", async () => {
    const { app, ended } = echo(LATE);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const dribble = frame(TEXT, "x".repeat(10_000));
    let at = 0;
    for (;;) {
      wire.write(dribble.subarray(at, ++at));
      const { opcode, payload } = await wire.frame();
      if (opcode === PING) continue;
      assert.deepEqual([opcode, payload.readUInt16BE(0)], [CLOSE, 1008]);
      break;
    }
    wire.socket.destroy();
    assert.deepEqual((await ended()).seen, []);
  });

  test("closes 1008 when no more than the first byte of a frame ever comes", async () => {
    for (const begun of [frame(TEXT, "x").subarray(0, 1), frame(PING, "x").subarray(0, 3)]) {
      const { app } = echo({ ...LATE, heartbeatMs: NEVER });
      await using client = await TestClient.start(app);
      await using wire = await open(client);
      await answers(wire, "whole");
      await turned(100);
      wire.write(begun);
      const { opcode, payload } = await wire.frame();
      assert.deepEqual([opcode, payload.readUInt16BE(0)], [CLOSE, 1008]);
    }
  });

  test("is no matter when it ends in time, time and again", async () => {
    const { app, ended } = echo(LATE);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    // Each takes most of its time, and all of them several times of it.
    for (let i = 0; i < 6; i++) {
      wire.write(frame(TEXT, `${i}:`, false));
      await turned(50);
      wire.write(frame(0, "slow", false), frame(PING));
      await turned(50);
      const last = frame(0, "ly");
      wire.write(last.subarray(0, 3));
      await turned(20);
      wire.write(last.subarray(3));
      for (;;) {
        const { opcode, payload } = await next(wire);
        if (opcode === PONG) continue;
        assert.deepEqual([opcode, payload.toString()], [TEXT, `${i}:slowly`]);
        break;
      }
    }
    wire.write(frame(CLOSE, Buffer.from([0x03, 0xe8])));
    await wire.end();
    assert.equal((await ended()).seen.length, 6);
  });

  test("is not mistaken for a client that only pings and pongs", async () => {
    const { app } = echo(LATE);
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const watched = {
      periodMs: 20,
      tick: () => wire.write(frame(PING, "x".repeat(7)), frame(PONG, "y".repeat(100)), frame(PONG)),
    };
    ticker.add(watched);
    await turned(600).finally(() => ticker.delete(watched));
    wire.write(frame(TEXT, "still here"));
    for (;;) {
      const { opcode, payload } = await next(wire);
      if (opcode === PONG) continue;
      assert.deepEqual([opcode, payload.toString()], [TEXT, "still here"]);
      break;
    }
  });

  test("is not mistaken for messages that come without a pause", async () => {
    const { app } = echo({ ...LATE, heartbeatMs: NEVER });
    await using client = await TestClient.start(app);
    const socket = await client.connect("/");
    const over = turned(600).then(() => "over");
    let count = 0;
    while ((await Promise.race([over, Promise.resolve("no")])) === "no" && count < 400) {
      socket.send(`${count}`);
      assert.equal(await socket.receive(), `${count++}`);
      await turned(1);
    }
    assert.equal(await over, "over");
    assert.equal(socket.ws.readyState, WebSocket.OPEN);
  });
});
