import assert from "node:assert/strict";
import { App, type Closed, type Connection } from "koa-subapps";
import type { TestClient } from "koa-subapps/testing";
import type { LivenessOptions } from "../../lib/connection/liveness.ts";
import { type Frame, frame, handshake, Wire } from "./wire.ts";
import { within } from "./within.ts";

/** The opcodes of RFC 6455 section 5.2 that these tests send and expect. */
export const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];
const DEADLINE_MS = 20_000;
const MANY_PINGS = 250;
/** A time in milliseconds that is out of the way of what a test is about. */
export const NEVER = 3_600_000;
const CALM: Required<LivenessOptions> = {
  heartbeatMs: NEVER,
  pongTimeoutMs: NEVER,
  unreadTimeoutMs: NEVER,
  messageTimeoutMs: NEVER,
};

/** How a handler of {@link echo} ended, and the messages that it had read. */
export interface Ended {
  readonly closed: Closed;
  readonly seen: readonly string[];
}

/**
 * An app that echoes, and the ends of its handlers in order.
 *
 * @param options of its route; the times that are not given are {@link NEVER}
 */
export function echo(
  options: LivenessOptions & { queueMessages?: number; maxMessageBytes?: number },
): {
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

/**
 * An app that does nothing with its one connection, which the test has in hand.
 *
 * @param options of its route; the times that are not given are {@link NEVER}
 */
export function held(options: LivenessOptions & { queueMessages?: number }): {
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

/** Waits for a promise, and longer than other tests do: the clocks of a busy machine turn slowly. */
export function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  return within(promise, what, DEADLINE_MS);
}

/** Opens a connection of which the test sees and writes every frame. */
export async function open(client: TestClient): Promise<Wire> {
  const wire = await Wire.connect(client.url);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  return wire;
}

/** The next frame that is no ping; pings before it are answered. */
export async function next(wire: Wire): Promise<Frame> {
  for (let pings = 0; pings < MANY_PINGS; pings++) {
    const received = await wire.frame();
    if (received.opcode !== PING) return received;
    wire.write(frame(PONG, received.payload));
  }
  throw new Error("expected a frame, but got pings without end");
}

/** Takes the server's close frame and answers it. */
export async function closes(wire: Wire, code: number, reason: string): Promise<void> {
  const { opcode, payload } = await next(wire);
  assert.equal(opcode, CLOSE);
  assert.equal(payload.readUInt16BE(0), code);
  assert.equal(payload.subarray(2).toString(), reason);
  wire.write(frame(CLOSE, payload.subarray(0, 2)));
  await wire.end();
}

/** Sends a text, and takes the echo of it. */
export async function answers(wire: Wire, text: string): Promise<void> {
  wire.write(frame(TEXT, text));
  const { opcode, payload } = await next(wire);
  assert.deepEqual([opcode, payload.toString()], [TEXT, text]);
}
