import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { describe, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { App, type Closed, type Connection } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { WebSocket } from "ws";
import type { LivenessOptions } from "../../../lib/connection/liveness.ts";
import { ticker } from "../../../lib/loop/ticker.ts";
import { type Frame, frame, handshake, Wire } from "../../support/wire.ts";

const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];
const DEADLINE_MS = 20_000;
const MANY_PINGS = 250;
/** Out of the way of what a test is about. */
const NEVER = 3_600_000;
const CALM: Required<LivenessOptions> = {
  heartbeatMs: NEVER,
  pongTimeoutMs: NEVER,
  unreadTimeoutMs: NEVER,
  messageTimeoutMs: NEVER,
};

interface Ended {
  readonly closed: Closed;
  readonly seen: readonly string[];
}

/** An app that echoes, and the ends of its handlers in order. */
function echo(options: LivenessOptions & { queueMessages?: number; maxMessageBytes?: number }): {
  app: App;
  ended: () => Promise<Ended>;
} {
  const ends: Ended[] = [];
  const waiting: ((ended: Ended) => void)[] = [];
  const app = new App().websocket("/", { ...CALM, ...options }, async (socket) => {
    const seen: string[] = [];
    for await (const text of socket) {
      seen.push(text);
      await socket.send(text);
    }
    const end = { closed: await socket.closed, seen };
    const deliver = waiting.shift();
    deliver ? deliver(end) : ends.push(end);
  });
  const ended = () => {
    const end = ends.shift();
    return inTime(
      end ? Promise.resolve(end) : new Promise<Ended>((resolve) => waiting.push(resolve)),
      "a handler to end",
    );
  };
  return { app, ended };
}

/** A connection that the test reads and writes itself, through the handler's end. */
function held(options: LivenessOptions & { queueMessages?: number }): {
  app: App;
  socket: Promise<Connection>;
} {
  let hand: (socket: Connection) => void = () => {};
  const socket = new Promise<Connection>((resolve) => {
    hand = resolve;
  });
  const app = new App().websocket("/", { ...CALM, ...options }, async (connection) => {
    hand(connection);
    await connection.closed;
  });
  return { app, socket };
}

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`expected ${what} in time`)), DEADLINE_MS);
  });
  return await Promise.race([promise, expired]).finally(() => clearTimeout(late));
}

/** Waits until the clock of the connections has turned by so much. */
async function turned(ms: number): Promise<void> {
  const until = ticker.now + ms;
  const { promise, resolve } = resolver();
  const watched = {
    periodMs: 10,
    tick: (now: number) => {
      if (now >= until) resolve();
    },
  };
  ticker.add(watched);
  await inTime(promise, `${ms} ms to be counted`).finally(() => ticker.delete(watched));
}

function resolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((yes) => {
    resolve = yes;
  });
  return { promise, resolve };
}

async function open(client: TestClient): Promise<Wire> {
  const wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  return wire;
}

/** The next frame that is no ping; pings before it are answered. */
async function next(wire: Wire): Promise<Frame> {
  for (let pings = 0; pings < MANY_PINGS; pings++) {
    const received = await wire.frame();
    if (received.opcode !== PING) return received;
    wire.write(frame(PONG, received.payload));
  }
  throw new Error("expected a frame, but got pings without end");
}

/** Takes the server's close frame and answers it. */
async function closes(wire: Wire, code: number, reason: string): Promise<void> {
  const { opcode, payload } = await next(wire);
  assert.equal(opcode, CLOSE);
  assert.equal(payload.readUInt16BE(0), code);
  assert.equal(payload.subarray(2).toString(), reason);
  wire.write(frame(CLOSE, payload.subarray(0, 2)));
  await wire.end();
}

async function answers(wire: Wire, text: string): Promise<void> {
  wire.write(frame(TEXT, text));
  const { opcode, payload } = await next(wire);
  assert.deepEqual([opcode, payload.toString()], [TEXT, text]);
}

/** Holds the event loop of this process so long, and until something has happened elsewhere. */
function block(ms: number, hasHappened = () => true): void {
  const from = performance.now();
  const isHeld = (at: number) => at - from < ms || (!hasHappened() && at - from < DEADLINE_MS);
  while (isHeld(performance.now()));
}

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
