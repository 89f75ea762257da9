import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import type { Outgoing } from "koa-subapps";
import { Held } from "../../support/held.ts";
import { within } from "../../support/within.ts";

const BYTES = Uint8Array.from([0, 1, 2, 253, 254, 255, 7, 8]);

/** The same eight bytes in each form that holds bytes, most of them a part of something larger. */
function forms(): [name: string, data: Outgoing | Blob][] {
  const whole = new Uint8Array([9, 9, 9, 9, 9, 9, 9, 9, ...BYTES, 9, 9, 9, 9, 9, 9, 9, 9]);
  const { buffer } = whole;
  const shared = new SharedArrayBuffer(8);
  new Uint8Array(shared).set(BYTES);
  return [
    ["a Buffer", Buffer.from(BYTES)],
    ["an ArrayBuffer", BYTES.buffer],
    ["an ArrayBuffer of another realm", runInNewContext("Uint8Array.from(b).buffer", { b: BYTES })],
    ["a SharedArrayBuffer", shared],
    ["a DataView", new DataView(buffer, 8, 8)],
    ["a Uint8ClampedArray", new Uint8ClampedArray(buffer, 8, 8)],
    ["an Int16Array", new Int16Array(buffer, 8, 4)],
    ["a Uint32Array", new Uint32Array(buffer, 8, 2)],
    ["a Float64Array", new Float64Array(buffer, 8, 1)],
    ["a BigInt64Array", new BigInt64Array(buffer, 8, 1)],
    ["a Blob", new Blob([BYTES])],
  ];
}

describe("sending bytes", () => {
  for (const compression of [false, true]) {
    test(`takes every form of them, compression ${compression}`, async () => {
      await using held = await Held.start({ compression });
      const peer = await held.test.connect("/", { compression });
      const [live] = held.test.serving.upgrades.live;
      assert.ok(live);
      for (const [name, data] of forms()) {
        assert.equal(await within(live.connection.send(data), `${name} to be sent`), true, name);
        assert.deepEqual(await peer.receive(), Buffer.from(BYTES), name);
      }
    });
  }

  test("keeps the order of what was sent, Blobs and texts, before the close", async () => {
    await using held = await Held.start();
    const { client, connection } = await held.open();
    const sent: (string | Buffer)[] = [];
    for (let i = 0; i < 20; i++) {
      void connection.send(new Blob([Buffer.alloc(30_000, i)]));
      void connection.send(`text ${i}`);
      void connection.send(new Uint16Array([i]));
      sent.push(Buffer.alloc(30_000, i), `text ${i}`, Buffer.from([i, 0]));
    }
    connection.close(4000, "that was all");
    const received: (string | Buffer)[] = [];
    for (const _ of sent) received.push(await client.receive());
    assert.deepEqual(received, sent);
    assert.deepEqual(await client.closed(), { code: 4000, reason: "that was all" });
  });

  test("sends past ws again once a Blob has left", async () => {
    await using held = await Held.start();
    const { client, connection } = await held.open();
    await connection.send(new Blob(["first"]));
    assert.equal((await client.receive()).toString(), "first");
    for (let i = 0; i < 100; i++) {
      void connection.send(`${i}`);
      assert.equal(await client.receive(), `${i}`);
    }
    assert.equal(connection.bufferedBytes, 0);
  });

  test("counts Blobs that wait: a reader that falls behind is cut off with 1013", async () => {
    await using held = await Held.start({ maxBufferedBytes: 100_000 });
    const { connection } = await held.open();
    let sent = 0;
    // In one turn nothing of it is read.
    while (connection.open && sent < 100) {
      void connection.send(new Blob([Buffer.alloc(10_000)]));
      sent++;
    }
    // Ten of them and their heads are above the bound; the eleventh is not taken.
    assert.equal(sent, 11);
  });

  test("keeps what a view had when it was sent, whatever becomes of its memory", async () => {
    await using held = await Held.start();
    const { client, connection } = await held.open();
    const words = new Uint32Array(8_000).fill(7);
    for (let i = 0; i < 4; i++) void connection.send(words);
    words.fill(9);
    const expected = Buffer.from(new Uint32Array(8_000).fill(7).buffer);
    for (let i = 0; i < 4; i++) assert.deepEqual(await client.receive(), expected);
  });

  test("names what sends an object", async () => {
    await using held = await Held.start();
    const { connection } = await held.open();
    for (const value of [{ a: 1 }, [1], 3, null, undefined, new Map()]) {
      assert.throws(() => connection.send(value as never), {
        name: "TypeError",
        message:
          /^expected a string or bytes to send, but got .*; use sendJson\(value\) to send objects$/,
      });
    }
  });
});
