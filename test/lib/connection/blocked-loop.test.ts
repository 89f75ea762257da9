import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { describe, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { TestClient } from "koa-subapps/testing";
import { WebSocket } from "ws";
import { answers, echo, held, inTime, next, open, TEXT } from "../../support/liveness.ts";
import { turned } from "../../support/turned.ts";
import { frame } from "../../support/wire.ts";

/** How long, in milliseconds, the loop stays blocked at most for what does not happen elsewhere. */
const DEADLINE_MS = 20_000;

/** Holds the event loop of this process so long, and until something has happened elsewhere. */
function block(ms: number, hasHappened = () => true): void {
  const from = performance.now();
  const isHeld = (at: number) => at - from < ms || (!hasHappened() && at - from < DEADLINE_MS);
  while (isHeld(performance.now()));
}

describe("an event loop that is blocked", () => {
  /** A client in a thread of its own, that goes on while this one is blocked, and counts its pongs. */
  async function elsewhere(
    url: string,
    pongs: Int32Array,
  ): Promise<{
    pings: (count: number) => Promise<void>;
    stop: () => Promise<void>;
  }> {
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
      const { WebSocket } = require(workerData.ws);
      const ws = new WebSocket(workerData.url);
      ws.on("open", () => parentPort.postMessage("open"));
      // ws has given its pong to the system by now.
      ws.on("ping", () => {
        Atomics.add(workerData.pongs, 0, 1);
        parentPort.postMessage("ping");
      });
      ws.on("message", (data) => ws.send(String(data)));
      ws.on("close", (code) => parentPort.postMessage("closed " + code));
      ws.on("error", () => {});
      parentPort.on("message", () => ws.terminate());`,
      {
        eval: true,
        execArgv: [],
        workerData: {
          pongs,
          url: url.replace(/^http/, "ws"),
          ws: createRequire(import.meta.url).resolve("ws"),
        },
      },
    );
    const story: string[] = [];
    worker.on("message", (event: string) => story.push(event));
    const until = async (condition: () => boolean, what: string) => {
      while (!condition()) {
        assert.ok(!story.some((event) => event.startsWith("closed")), story.join(", "));
        await inTime(once(worker, "message"), what);
      }
    };
    await until(() => story.includes("open"), "a connection from a worker");
    return {
      pings: async (count) => {
        const wanted = story.length + count;
        await until(() => story.length >= wanted, `${count} pings`);
      },
      stop: async () => {
        const exited = once(worker, "exit");
        await worker.terminate();
        await exited;
      },
    };
  }

  /**
   * Blocks after each ping was sent, at once and before timers fall due in turn; what has been pinged
   * so often may have to answer first.
   */
  function blockAfterPings(
    t: TestContext,
    ms: number,
    isAnswered: (pings: number) => boolean = () => true,
  ): () => number {
    const ping = WebSocket.prototype.ping as (this: WebSocket) => void;
    let pings = 0;
    t.mock.method(WebSocket.prototype, "ping", function (this: WebSocket) {
      ping.call(this);
      pings++;
      const hold = () => block(ms, () => isAnswered(pings));
      pings % 2 > 0 ? hold() : setImmediate(hold);
    });
    return () => pings;
  }

  test("much longer than heartbeat and pong timeout kills no client that answered meanwhile", async (t) => {
    const { app, socket } = held({ heartbeatMs: 40, pongTimeoutMs: 40 });
    await using client = await TestClient.start(app);
    const pongs = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    // Until it has answered: beside other busy processes its thread may take longer than 40 ms, and
    // a client that does so is gone.
    const pinged = blockAfterPings(t, 200, (pings) => Atomics.load(pongs, 0) >= pings);
    const peer = await elsewhere(client.url, pongs);
    const connection = await socket;
    await peer.pings(6);
    assert.ok(pinged() >= 6);
    // Blocked at any other moment, and several times in a row.
    for (let i = 0; i < 5; i++) {
      block(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.pings(3);
    void connection.send("are you there");
    assert.equal(await inTime(connection.receive(), "an answer"), "are you there");
    await peer.stop();
    assert.equal((await inTime(connection.closed, "the end")).code, 1006);
  });

  test("together with the client, as when a machine sleeps, kills nobody", async (t) => {
    const { app, ended } = echo({ heartbeatMs: 40, pongTimeoutMs: 40 });
    await using client = await TestClient.start(app);
    const sockets = await Promise.all(Array.from({ length: 5 }, () => client.connect("/")));
    const pinged = blockAfterPings(t, 50);
    const [first] = sockets;
    assert.ok(first);
    for (let i = 0; i < 6; i++) await inTime(once(first.ws, "ping"), "a ping");
    assert.ok(pinged() >= 6);
    for (const [i, socket] of sockets.entries()) {
      socket.send(`${i}`);
      assert.equal(await socket.receive(), `${i}`);
    }
    await first.close();
    assert.equal((await ended()).closed.code, 1000);
  });

  test("does not hide a client that is gone for ever", async () => {
    const { app, ended } = echo({ heartbeatMs: 20, pongTimeoutMs: 40 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    for (let i = 0; i < 3; i++) {
      block(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await ended()).closed.code, 1006);
    await wire.end();
  });

  test("ends no message that came while it was", async () => {
    const { app } = echo({ messageTimeoutMs: 80 });
    await using client = await TestClient.start(app);
    await using wire = await open(client);
    wire.write(frame(TEXT, "a", false));
    await turned(20);
    wire.write(frame(0, "b"));
    block(400);
    assert.equal((await next(wire)).payload.toString(), "ab");
    await answers(wire, "still here");
  });
});
