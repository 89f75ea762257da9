import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { frame, handshake, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
/** Compressed it is below the limit for what comes over the wire. */
const BOMB_MIB = 50;
const LIMIT_BYTES = 64 * 1024;
/** Half of what one bomb that went off would fill; zlib's own windows take some megabytes. */
const MOST_MIB = 25;
const BOMBS = 20;

describe("a deflate bomb, on a route with compression", () => {
  for (const [how, pieces] of [
    ["in one frame", 1],
    ["in fragments", 8],
  ] as const) {
    test(`${how} closes 1009 long before it fills memory, and nobody else notices`, async (t) => {
      const app = new App();
      const seen: number[] = [];
      app.websocket("/", { compression: true }, async (socket) => {
        for await (const text of socket) seen.push(text.length);
      });
      app.websocket("/echo", async (socket) => {
        for await (const text of socket) await socket.send(text);
      });
      await using client = await TestClient.start(app);
      const bystander = await client.connect("/echo");
      const bomb = compressed(BOMB_MIB * MIB);
      assert.ok(bomb.length < LIMIT_BYTES, `${bomb.length} bytes on the wire`);
      const before = used();
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, used() - before);
      }, 1);
      for (let n = 0; n < BOMBS; n++) {
        await using wire = await Wire.connect(client.url);
        wire.write(handshake("/", { "Sec-WebSocket-Extensions": "permessage-deflate" }));
        const head = await wire.head();
        assert.match(head.headers.get("sec-websocket-extensions") ?? "", /^permessage-deflate/);
        wire.write(...fragments(bomb, pieces));
        const close = await wire.frame();
        assert.equal(close.opcode, 8);
        assert.equal(close.payload.readUInt16BE(0), 1009);
        most = Math.max(most, used() - before);
      }
      clearInterval(watch);
      assert.deepEqual(seen, []);
      assert.ok(most < MOST_MIB * MIB, `${most} bytes more`);
      bystander.send("hello");
      assert.equal(await bystander.receive(), "hello");
      t.diagnostic(
        `${BOMBS} times ${BOMB_MIB} MiB in ${bomb.length} bytes: ${(most / MIB).toFixed(1)} MiB more at most`,
      );
    });
  }

  test("is no long message that is just within the limit once unpacked", async () => {
    const app = new App();
    const seen: number[] = [];
    app.websocket("/", { compression: true }, async (socket) => {
      for await (const text of socket) seen.push(text.length);
    });
    await using client = await TestClient.start(app);
    await using wire = await Wire.connect(client.url);
    wire.write(handshake("/", { "Sec-WebSocket-Extensions": "permessage-deflate" }));
    await wire.head();
    wire.write(...fragments(compressed(LIMIT_BYTES), 1));
    wire.write(...fragments(compressed(LIMIT_BYTES + 1), 1));
    assert.equal((await wire.frame()).payload.readUInt16BE(0), 1009);
    assert.deepEqual(seen, [LIMIT_BYTES]);
  });
});

// The payload of a compressed message: RFC 7692 section 7.2.1.
function compressed(length: number): Buffer {
  const text = Buffer.alloc(length, "x");
  const whole = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, level: 9 });
  return whole.subarray(0, -4);
}

const COMPRESSED = 0x40;

function fragments(payload: Buffer, pieces: number): Buffer[] {
  const size = Math.ceil(payload.length / pieces);
  return Array.from({ length: pieces }, (_, n) => {
    const part = payload.subarray(n * size, (n + 1) * size);
    return frame(n === 0 ? COMPRESSED | 1 : 0, part, n === pieces - 1);
  });
}

function used(): number {
  const { arrayBuffers, external } = process.memoryUsage();
  return arrayBuffers + external;
}
