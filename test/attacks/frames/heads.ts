// The first bytes of a frame: masking, reserved bits, opcodes, lengths.

import { frame } from "../../support/wire.ts";
import {
  type Attack,
  BINARY,
  CLOSE,
  CONTINUATION,
  echoed,
  legal,
  PING,
  PONG,
  raw,
  refused,
  TEXT,
} from "./attack.ts";

const KINDS: readonly (readonly [opcode: number, name: string])[] = [
  [TEXT, "text frame"],
  [BINARY, "binary frame"],
  [CLOSE, "close frame"],
  [PING, "ping"],
  [PONG, "pong"],
];
const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
const START = frame(TEXT, "a", false);

const masking: Attack[] = [
  ...KINDS.map(([opcode, name]) =>
    refused(`an unmasked ${name} closes 1002`, 1002, raw({ opcode, masked: false })),
  ),
  refused(
    "an unmasked text frame with a payload closes 1002 and is not echoed",
    1002,
    raw({ opcode: TEXT, masked: false }, "hello"),
  ),
  refused(
    "an unmasked continuation of a masked start closes 1002",
    1002,
    START,
    raw({ opcode: CONTINUATION, masked: false }, "b"),
  ),
  legal(
    "a mask of zeros is a mask: the text is echoed",
    [raw({ opcode: TEXT }, "plain")],
    [echoed("plain")],
  ),
];

const reservedBits: Attack[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) =>
    refused(
      `a text frame with the reserved bits ${bits(rsv)} closes 1002`,
      1002,
      raw({ opcode: TEXT, rsv }, "a"),
    ),
  ),
  ...KINDS.slice(1).flatMap(([opcode, name]) =>
    [1, 2, 4].map((rsv) =>
      refused(
        `a ${name} with the reserved bits ${bits(rsv)} closes 1002`,
        1002,
        raw({ opcode, rsv }),
      ),
    ),
  ),
  ...[1, 2, 4].map((rsv) =>
    refused(
      `a continuation with the reserved bits ${bits(rsv)} closes 1002`,
      1002,
      START,
      raw({ opcode: CONTINUATION, rsv }, "b"),
    ),
  ),
];

const opcodes: Attack[] = [
  ...RESERVED.map((opcode) =>
    refused(`the reserved opcode ${opcode} closes 1002`, 1002, raw({ opcode }, "a")),
  ),
  ...[3, 7, 11, 15].map((opcode) =>
    refused(
      `the reserved opcode ${opcode} inside a fragmented message closes 1002`,
      1002,
      START,
      raw({ opcode }),
    ),
  ),
  refused(
    "a fragment of the reserved opcode 3 closes 1002",
    1002,
    raw({ opcode: 3, fin: false }, "a"),
  ),
  refused("two bytes of ones close 1002", 1002, Buffer.from([0xff, 0xff])),
  refused("sixteen zero bytes close 1002, being a continuation", 1002, Buffer.alloc(16)),
];

const lengths: Attack[] = [
  ...([16, 64] as const).flatMap((lengthBits) =>
    [0, 1, 125].map((length) =>
      // RFC 6455 section 5.2 asks for the least; ws takes any, and nothing is gained by it.
      legal(
        `a length of ${length} in ${lengthBits} bits is more than needed, and ws lets it pass`,
        [raw({ opcode: TEXT, lengthBits }, "a".repeat(length))],
        [echoed("a".repeat(length))],
      ),
    ),
  ),
  legal(
    "a length of 126 in 64 bits is more than needed, and ws lets it pass",
    [raw({ opcode: TEXT, lengthBits: 64 }, "a".repeat(126))],
    [echoed("a".repeat(126))],
  ),
  ...[125, 126, 127, 65_535, 65_536].map((length) =>
    legal(
      `a text of ${length} bytes at the edge of a length field is echoed`,
      [raw({ opcode: TEXT }, "a".repeat(length))],
      [echoed("a".repeat(length))],
    ),
  ),
  ...(
    [
      ["one more than the limit", 65_537n],
      ["2^31 - 1", 2n ** 31n - 1n],
      ["2^31", 2n ** 31n],
      ["2^32 - 1", 2n ** 32n - 1n],
      ["2^32, whose lower half is zero", 2n ** 32n],
      ["2^32 + 1, whose lower half is small", 2n ** 32n + 1n],
      ["2^53 - 1", 2n ** 53n - 1n],
      ["2^53", 2n ** 53n],
      ["2^63 - 1", 2n ** 63n - 1n],
      ["2^63, with the bit that must be zero", 2n ** 63n],
      ["2^64 - 1", 2n ** 64n - 1n],
    ] as const
  ).map(([name, announces]) =>
    refused(
      `an announced length of ${name} closes 1009 before any payload has come`,
      1009,
      raw({ opcode: TEXT, lengthBits: 64, announces }),
    ),
  ),
  refused(
    "a binary frame that announces a gigabyte closes 1009, not 1003: its kind is not known to fit yet",
    1009,
    raw({ opcode: BINARY, lengthBits: 64, announces: 2n ** 30n }),
  ),
];

export const heads: Attack[] = [...masking, ...reservedBits, ...opcodes, ...lengths];

function bits(rsv: number): string {
  return rsv.toString(2).padStart(3, "0");
}
