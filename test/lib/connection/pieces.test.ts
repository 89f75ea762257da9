import assert from "node:assert/strict";
import type { Writable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import * as ws from "ws";
import { countPieces } from "../../../lib/connection/pieces.ts";
import { frame, handshake, Wire } from "../../support/wire.ts";

const TEXT = 1;
const BINARY = 2;
const CONTINUATION = 0;
const MIB = 2 ** 20;
const TOO_MANY = "too many small pieces for bytesPerSecond and maxMessageBytes";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An app that says of each message how long it is. */
function measuring(options: object): App {
  return new App().websocket("/", { messages: "both", ...options }, async (socket) => {
    for await (const message of socket) await socket.send(`${message.length}`);
  });
}

async function open(client: TestClient): Promise<Wire> {
  const wire = await Wire.connect(client.url);
  wire.socket.setNoDelay(true);
  wire.write(handshake("/"));
  assert.equal((await wire.head()).status, 101);
  return wire;
}

/** Sends bytes cut into parts, each of which the server has read before the next one is sent. */
async function dribble(wire: Wire, bytes: Buffer, part: number): Promise<void> {
  for (let at = 0; at < bytes.length && !wire.ended && wire.buffer.length === 0; at += part) {
    wire.socket.write(bytes.subarray(at, at + part));
    await turn();
  }
}

/** A message in fragments of one length. */
function fragmented(opcode: number, payload: Buffer, length: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < payload.length; at += length) {
    const isLast = at + length >= payload.length;
    const part = payload.subarray(at, at + length);
    frames.push(frame(at === 0 ? opcode : CONTINUATION, part, isLast));
  }
  return Buffer.concat(frames);
}

describe("a message as long as its route lets it be", () => {
  for (const [what, part] of [
    ["packets of the internet", 1_448],
    ["parts of 512 bytes", 512],
  ] as const) {
    test(`is taken in ${what}`, async () => {
      await using client = await TestClient.start(measuring({ maxMessageBytes: 2 * MIB }));
      await using wire = await open(client);
      await dribble(wire, frame(TEXT, "x".repeat(2 * MIB)), part);
      assert.equal((await wire.frame()).payload.toString(), `${2 * MIB}`);
    });
  }

  for (const [length, bytes] of [
    [4_096, 4.1 * MIB],
    [64, 4 * MIB],
  ] as const) {
    test(`is taken in frames of ${length} bytes`, async () => {
      await using client = await TestClient.start(measuring({ maxMessageBytes: 5 * MIB }));
      await using wire = await open(client);
      const payload = Buffer.alloc(Math.floor(bytes), "x");
      for (const opcode of [TEXT, BINARY]) {
        wire.write(fragmented(opcode, payload, length));
        assert.equal((await wire.frame()).payload.toString(), `${payload.length}`);
      }
    });
  }
});

describe("a message in too many small pieces closes 1008, which names the options", () => {
  async function refused(wire: Wire): Promise<void> {
    const { opcode, payload } = await wire.frame();
    assert.deepEqual([opcode, payload.readUInt16BE(0)], [8, 1008]);
    assert.equal(payload.subarray(2).toString(), TOO_MANY);
  }

  for (const maxMessageBytes of [65_536, MIB / 4]) {
    test(`as fragments of one byte, where messages of ${maxMessageBytes} bytes may come`, async () => {
      await using client = await TestClient.start(measuring({ maxMessageBytes }));
      await using wire = await open(client);
      wire.write(fragmented(TEXT, Buffer.alloc(maxMessageBytes, "x"), 1));
      await refused(wire);
    });
  }

  test("as reads of one byte of one frame", async () => {
    await using client = await TestClient.start(measuring({ bytesPerSecond: 1 }));
    await using wire = await open(client);
    await dribble(wire, frame(TEXT, "x".repeat(60_000)), 1);
    await refused(wire);
  });

  test("as fragments of message after message, none of which has too many", async () => {
    const options = { bytesPerSecond: 1, messagesPerSecond: 1e6, burstMessages: 1_000 };
    await using client = await TestClient.start(measuring({ ...options, burstBytes: 2 * MIB }));
    await using wire = await open(client);
    for (let i = 0; i < 4; i++) {
      wire.write(fragmented(TEXT, Buffer.alloc(500, "x"), 1));
      assert.equal((await wire.frame()).payload.toString(), "500");
    }
    wire.write(fragmented(TEXT, Buffer.alloc(500, "x"), 1));
    await refused(wire);
  });

  test("however many bytes a second its route allows", async () => {
    const endless = { bytesPerSecond: Number.POSITIVE_INFINITY };
    await using client = await TestClient.start(measuring(endless));
    await using wire = await open(client);
    wire.write(frame(TEXT, "", false), ...Array.from({ length: 2_100 }, () => frame(0, "", false)));
    await refused(wire);
  });
});

interface Parser extends Writable {
  readonly _buffers: Buffer[];
  readonly _fragments: Buffer[];
}

const { Receiver } = ws as unknown as { Receiver: new (options: object) => Parser };

function parser(pieces: (bytes: number) => boolean): { receiver: Parser; messages: string[] } {
  const receiver = new Receiver({ isServer: true, maxPayload: 2 ** 26 });
  countPieces(receiver, { piece: pieces });
  const messages: string[] = [];
  receiver.on("message", (data: Buffer) => messages.push(data.toString("latin1")));
  return { receiver, messages };
}

describe("ws's parser", () => {
  test("keeps few pieces, in however many a message comes, and gives it whole", () => {
    for (const length of [1, 7, 64, 1_000]) {
      const { receiver, messages } = parser(() => true);
      const payload = Buffer.from(Array.from({ length: 40_000 }, (_, i) => i % 128));
      const bytes = [frame(TEXT, payload), fragmented(BINARY, payload, length)];
      for (const each of bytes) {
        for (let at = 0; at < each.length; at += length) {
          receiver.write(each.subarray(at, at + length));
          const { _buffers, _fragments } = receiver;
          // A thousand loose ones, and a copy for each thousand before them.
          const most = 1_025 + Math.ceil(each.length / length / 1_000);
          assert.ok(_buffers.length <= most && _fragments.length <= most);
        }
      }
      assert.deepEqual(messages, [payload.toString("latin1"), payload.toString("latin1")]);
    }
  });

  test("gives the same messages, whatever the fragments and the reads", () => {
    const lengths = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(lengths),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (sizes, cuts) => {
          const { receiver, messages } = parser(() => true);
          const wanted = sizes.map((each, n) => each.map((length) => `${n % 10}`.repeat(length)));
          const frames = wanted.flatMap((parts) =>
            parts.map((part, i) =>
              frame(i === 0 ? TEXT : CONTINUATION, part, i === parts.length - 1),
            ),
          );
          const bytes = Buffer.concat(frames);
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const cut = cuts[i % cuts.length] as number;
            receiver.write(bytes.subarray(at, at + cut));
            at += cut;
          }
          assert.deepEqual(
            messages,
            wanted.map((parts) => parts.join("")),
          );
        },
      ),
    );
  });

  test("counts small pieces only, and whole messages never", () => {
    const counted: number[] = [];
    const { receiver } = parser((bytes) => counted.push(bytes) > 0);
    receiver.write(frame(TEXT, "whole"));
    receiver.write(frame(TEXT, "x".repeat(100_000)));
    assert.deepEqual(counted, []);
    receiver.write(fragmented(TEXT, Buffer.alloc(3_000, "x"), 1_024));
    assert.deepEqual(counted, [1_024 - (3_000 - 2_048)]);
    const bytes = frame(TEXT, "x".repeat(2_000));
    receiver.write(bytes.subarray(0, 10));
    receiver.write(bytes.subarray(10, 1_500));
    receiver.write(bytes.subarray(1_500, 1_600));
    receiver.write(bytes.subarray(1_600));
    assert.deepEqual(counted.slice(1), [412, 512 - (bytes.length - 1_600)]);
  });
});
