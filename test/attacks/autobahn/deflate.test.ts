// Autobahn's groups 12 and 13, on a route with compression. burstMessages and messagesPerSecond are
// for the thousand messages that the whole form sends as fast as they come back.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Options, Outcome, Script } from "./case.ts";
import { CONTINUATION, chopped, frame } from "./case.ts";
import { type DeflateCase, deflate, hashed, SHORT, WHOLE } from "./deflate.ts";
import { Deflater } from "./deflater.ts";
import { isWhole } from "./extent.ts";
import { Peer } from "./peer.ts";
import { compare, finish } from "./play.ts";
import { type Servers, startServers } from "./servers.ts";

/** For 131,072 characters, some of which are three bytes. */
const LONGEST = 256 * 1024;
const COMPRESSED = 4;
const CASES = 216;
const options: Options = {
  ours: {
    compression: true,
    maxMessageBytes: LONGEST,
    messagesPerSecond: WHOLE,
    burstMessages: WHOLE,
  },
  ws: { perMessageDeflate: true, maxPayload: LONGEST },
};

const cases = deflate(isWhole ? WHOLE : SHORT);
let servers: Servers;

before(async () => {
  servers = await startServers(options);
});

after(() => servers.close());

describe("a compressed case of Autobahn ends as it should, and no worse than on bare ws", () => {
  for (const each of cases) {
    test(`${each.id}: ${each.what}`, () => compare(each, servers, playCompressed));
  }
});

test("each of Autobahn's cases 12 and 13 is there once", () => {
  const ids = new Set(cases.map(({ id }) => id));
  assert.deepEqual([cases.length, ids.size], [CASES, CASES]);
});

async function playCompressed(each: DeflateCase, script: Script, url: string): Promise<Outcome> {
  await using peer = await Peer.open(url, each.offers);
  using deflater = new Deflater(peer.head);
  let steps = 0;
  for (const message of each.messages()) {
    if (peer.isOver) break;
    const payload = await deflater.compress(message);
    await peer.play(inFrames(each, payload));
    await peer.play({ awaits: ++steps });
    const echo = peer.frames[steps - 1];
    if (!echo || peer.close) break;
    const isCompressed = echo.rsv === COMPRESSED;
    const plain = isCompressed ? await deflater.decompress(echo.payload) : echo.payload;
    peer.frames[steps - 1] = {
      ...echo,
      rsv: echo.rsv & ~COMPRESSED,
      payload: hashed(echo.opcode, plain).payload,
    };
  }
  return await finish(each, script, peer, steps);
}

function inFrames({ opcode, fragment }: DeflateCase, payload: Buffer): Buffer {
  const parts = fragment > 0 ? chopped(fragment, payload) : [payload];
  return Buffer.concat(
    parts.map((part, n) => {
      const head = { fin: n === parts.length - 1, rsv: n === 0 ? COMPRESSED : 0 };
      return frame(n === 0 ? opcode : CONTINUATION, part, head);
    }),
  );
}
