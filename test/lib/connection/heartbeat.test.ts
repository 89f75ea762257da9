import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { TestClient } from "koa-subapps/testing";
import { ticker } from "../../../lib/loop/ticker.ts";
import { answers, echo, open, PING, PONG, TEXT } from "../../support/liveness.ts";
import { frame } from "../../support/wire.ts";

describe("a heartbeat", () => {
  test("reaches a client that says nothing, and one that answers stays", async () => {
    await using client = await TestClient.start(echo({ heartbeatMs: 20, pongTimeoutMs: 200 }).app);
    await using wire = await open(client);
    for (let i = 0; i < 15; i++) {
      const { opcode, payload } = await wire.frame();
      assert.equal(opcode, PING);
      wire.write(frame(PONG, payload));
    }
    await answers(wire, "still here");
  });

  test("that is not answered means that the client is gone: the handler ends with 1006", async () => {
    const { app, ended } = echo({ heartbeatMs: 20, pongTimeoutMs: 40 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    assert.equal((await wire.frame()).opcode, PING);
    assert.deepEqual((await ended()).closed, { code: 1006, reason: "" });
    await wire.end();
    // Whoever is gone reads no close frame, and one ping is all that was tried.
    assert.equal(wire.buffer.length, 0);
    assert.equal(client.serving.upgrades.live.size, 0);
  });

  test("finds each client that is gone among others that are not", async () => {
    const { app, ended } = echo({ heartbeatMs: 20, pongTimeoutMs: 200 });
    await using client = await TestClient.start(app);
    const well = await Promise.all(Array.from({ length: 10 }, () => client.connect("/")));
    const silent = await Promise.all(Array.from({ length: 10 }, () => open(client)));
    for (const _ of silent) assert.equal((await ended()).closed.code, 1006);
    for (const wire of silent) await wire.end();
    for (const [i, socket] of well.entries()) {
      socket.send(`${i}`);
      assert.equal(await socket.receive(), `${i}`);
    }
    assert.equal(client.serving.upgrades.live.size, 10);
  });

  test("is answered by a message as well, and by a pong that nobody asked for", async () => {
    for (const [opcode, what] of [
      [TEXT, "a message"],
      [PONG, "a pong"],
      [PING, "a ping"],
    ] as const) {
      const { app } = echo({ heartbeatMs: 20, pongTimeoutMs: 200 });
      await using client = await TestClient.start(app);
      await using wire = await open(client);
      let pings = 0;
      while (pings < 15) {
        const received = await wire.frame();
        if (received.opcode !== PING) continue;
        pings++;
        wire.write(frame(opcode, what));
      }
      assert.equal(client.serving.upgrades.live.size, 1);
    }
  });

  test("is not answered by bytes that never make a message", async () => {
    const { app, ended } = echo({ heartbeatMs: 20, pongTimeoutMs: 60 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    const dribble = frame(TEXT, "x".repeat(10_000));
    let at = 0;
    const watched = {
      periodMs: 10,
      tick: () => void (wire.socket.writable && wire.write(dribble.subarray(at, ++at))),
    };
    ticker.add(watched);
    const end = await ended().finally(() => ticker.delete(watched));
    assert.equal(end.closed.code, 1006);
  });

  test("has no timer of its own: fifty connections turn with one", async (t) => {
    const begin = t.mock.method(globalThis, "setInterval");
    const end = t.mock.method(globalThis, "clearInterval");
    const running = () => {
      const ended = end.mock.calls.filter(({ arguments: [timer] }) => timer !== undefined);
      return begin.mock.callCount() - ended.length;
    };
    const { app } = echo({ heartbeatMs: 1_000 });
    await using client = await TestClient.start(app);
    await Promise.all(Array.from({ length: 50 }, () => client.connect("/")));
    assert.equal(ticker.size, 50);
    assert.equal(running(), 1);
    const gone = once(client.serving.upgrades, "closed");
    (await client.connect("/")).terminate();
    await gone;
    assert.equal(ticker.size, 50);
  });

  test("ends with the connection, so that nothing is watched and no timer runs", async () => {
    const { app, ended } = echo({ heartbeatMs: 20 });
    await using client = await TestClient.start(app);
    const [polite, rude, silent] = [
      await client.connect("/"),
      await client.connect("/"),
      await open(client),
    ];
    assert.equal(ticker.size, 3);
    await polite.close();
    rude.terminate();
    silent.socket.resetAndDestroy();
    for (let i = 0; i < 3; i++) await ended();
    assert.equal(ticker.size, 0);
  });
});
