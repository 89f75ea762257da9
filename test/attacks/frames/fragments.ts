// Fragmented messages, the limits of their size and number, and frames cut by TCP.

import { frame } from "../../support/wire.ts";
import {
  type Attack,
  BINARY,
  CONTINUATION,
  closing,
  echoed,
  legal,
  PING,
  PONG,
  pong,
  raw,
  refused,
  TEXT,
} from "./attack.ts";

const LIMIT = 65_536;
/** Fragments of one message that a route of short messages takes. */
const MAX_FRAGMENTS = 2_048;
/** Messages that a route without options takes at once. */
const BURST = 500;
const START = frame(TEXT, "a", false);

const order: Attack[] = [
  refused("a continuation that continues nothing closes 1002", 1002, frame(CONTINUATION, "a")),
  refused(
    "an unfinished continuation that continues nothing closes 1002",
    1002,
    frame(CONTINUATION, "a", false),
  ),
  {
    title: "a continuation after a whole message closes 1002, and the message is echoed before",
    sends: [frame(TEXT, "a"), frame(CONTINUATION, "b")],
    close: 1002,
  },
  refused("a text before the last fragment of a text closes 1002", 1002, START, frame(TEXT, "b")),
  refused("a binary before the last fragment closes 1002", 1002, START, frame(BINARY, "b")),
  refused("a second start of a text closes 1002", 1002, START, frame(TEXT, "b", false)),
  refused("a second start, of a binary, closes 1002", 1002, START, frame(BINARY, "b", false)),
  refused(
    "a text after a start and a continuation closes 1002",
    1002,
    START,
    frame(CONTINUATION, "b", false),
    frame(TEXT, "c"),
  ),
  legal(
    "a message in two fragments is echoed whole",
    [START, frame(CONTINUATION, "b")],
    [echoed("ab")],
  ),
  legal(
    "two fragmented messages one after the other are echoed apart",
    [START, frame(CONTINUATION, "b"), START, frame(CONTINUATION, "c")],
    [echoed("ab"), echoed("ac")],
  ),
  legal(
    "pings and pongs between fragments are answered before the message is",
    [
      START,
      frame(PING, "p"),
      frame(PONG),
      frame(CONTINUATION, "b", false),
      frame(PING),
      frame(CONTINUATION, "c"),
    ],
    [pong("p"), pong(), echoed("abc")],
  ),
  refused(
    "a malformed ping between fragments closes 1002",
    1002,
    START,
    raw({ opcode: PING, fin: false }),
  ),
];

const empty: Attack[] = [
  legal("an empty text is echoed", [frame(TEXT)], [echoed("")]),
  legal(
    `${BURST} empty texts in one segment, as many as may come at once, are each echoed`,
    [times(BURST, frame(TEXT))],
    Array.from({ length: BURST }, () => echoed("")),
  ),
  {
    title: "twice as many texts as may come at once close 1008",
    sends: [times(2 * BURST, frame(TEXT))],
    replies: true,
    close: 1008,
  },
  legal(
    "a message of nothing but empty fragments is echoed as an empty text",
    [frame(TEXT, "", false), times(1_000, frame(CONTINUATION, "", false)), frame(CONTINUATION)],
    [echoed("")],
  ),
  legal(
    "empty fragments around a text change nothing",
    [
      frame(TEXT, "", false),
      frame(CONTINUATION, "a", false),
      frame(CONTINUATION, "", false),
      frame(CONTINUATION),
    ],
    [echoed("a")],
  ),
  legal(
    `a message of ${MAX_FRAGMENTS - 48} fragments, nearly the most there may be, is echoed`,
    [
      frame(TEXT, "", false),
      times(MAX_FRAGMENTS - 50, frame(CONTINUATION, "a", false)),
      frame(CONTINUATION),
    ],
    [echoed("a".repeat(MAX_FRAGMENTS - 50))],
  ),
  legal(
    "a text of exactly the limit in fragments of 64 bytes is echoed",
    [
      frame(TEXT, "a".repeat(64), false),
      times(LIMIT / 64 - 2, frame(CONTINUATION, "a".repeat(64), false)),
      frame(CONTINUATION, "a".repeat(64)),
    ],
    [echoed("a".repeat(LIMIT))],
  ),
  refused(
    "a text of the limit in fragments of one byte closes 1008",
    1008,
    frame(TEXT, "a", false),
    times(LIMIT - 1, frame(CONTINUATION, "a", false)),
  ),
  refused(
    "a message of one fragment too many closes 1008, though every fragment is empty",
    1008,
    frame(TEXT, "", false),
    times(MAX_FRAGMENTS, frame(CONTINUATION, "", false)),
  ),
];

const sizes: Attack[] = [
  legal(
    "a text of exactly the limit is echoed",
    [frame(TEXT, "a".repeat(LIMIT))],
    [echoed("a".repeat(LIMIT))],
  ),
  refused(
    "a text of one byte more than the limit closes 1009",
    1009,
    frame(TEXT, "a".repeat(LIMIT + 1)),
  ),
  refused(
    "a text of one byte more than the limit, in fewer characters, closes 1009: bytes count",
    1009,
    frame(TEXT, `${"é".repeat(LIMIT / 2)}a`),
  ),
  refused(
    "a text of sixteen times the limit closes 1009",
    1009,
    frame(TEXT, "a".repeat(16 * LIMIT)),
  ),
  legal(
    "two fragments that make exactly the limit are echoed whole",
    [frame(TEXT, "a".repeat(LIMIT / 2), false), frame(CONTINUATION, "a".repeat(LIMIT / 2))],
    [echoed("a".repeat(LIMIT))],
  ),
  refused(
    "two fragments that make one byte more than the limit close 1009",
    1009,
    frame(TEXT, "a".repeat(LIMIT), false),
    frame(CONTINUATION, "a"),
  ),
  refused(
    "fragments that never end close 1009 once they are more than the limit",
    1009,
    frame(TEXT, "a".repeat(1_024), false),
    times(64, frame(CONTINUATION, "a".repeat(1_024), false)),
  ),
  refused(
    "a continuation that announces more than is left of the limit closes 1009 before it has come",
    1009,
    START,
    raw({ opcode: CONTINUATION, lengthBits: 64, announces: BigInt(LIMIT) }),
  ),
  legal(
    "the limit is each message's own: three texts of it are echoed",
    Array.from({ length: 3 }, () => frame(TEXT, "a".repeat(LIMIT))),
    Array.from({ length: 3 }, () => echoed("a".repeat(LIMIT))),
  ),
];

const TWO = Buffer.concat([frame(TEXT, "one"), frame(TEXT, "two")]);

const segments: Attack[] = [
  ...[1, 2, 3, 5, 6, 8, 9, 10, 11, 14, 15, 17].map((at) =>
    legal(
      `frames cut by TCP at byte ${at} are read as if they came in one segment`,
      [TWO.subarray(0, at), TWO.subarray(at)],
      [echoed("one"), echoed("two")],
    ),
  ),
  legal(
    "frames that come byte by byte are read as if they came in one segment",
    [...TWO].map((byte) => Buffer.from([byte])),
    [echoed("one"), echoed("two")],
  ),
  legal(
    "a 64-bit length that comes byte by byte is read",
    [...raw({ opcode: TEXT, lengthBits: 64 }, "abc")].map((byte) => Buffer.from([byte])),
    [echoed("abc")],
  ),
  refused(
    "a malformed head that comes byte by byte closes 1002",
    1002,
    Buffer.from([0xc1]),
    Buffer.from([0x80]),
  ),
  {
    title: "an error behind a message in one segment closes 1002",
    sends: [
      Buffer.concat([frame(TEXT, "good"), raw({ opcode: TEXT, rsv: 7 }), frame(TEXT, "late")]),
    ],
    close: 1002,
  },
];

const leaving: Attack[] = [
  {
    title: "a client that closes its half without a close frame is let go",
    sends: [],
    leaves: "fin",
    answers: [],
    close: 1006,
  },
  {
    title: "a client that resets the connection is let go",
    sends: [],
    leaves: "rst",
    answers: [],
    close: 1006,
  },
  {
    title: "a client that sends a close frame and closes its half is answered",
    sends: [closing(1000)],
    leaves: "fin",
    answers: [],
    close: 1000,
  },
  ...(["fin", "rst"] as const).flatMap((leaves): Attack[] => {
    const how = leaves === "fin" ? "closes its half" : "resets the connection";
    const gone = { leaves, answers: [], close: 1006 };
    return [
      {
        ...gone,
        title: `a client that ${how} after one byte of a head is let go`,
        sends: [Buffer.from([0x81])],
      },
      {
        ...gone,
        title: `a client that ${how} inside a 64-bit length is let go`,
        sends: [Buffer.from([0x81, 0xff, 0, 0, 0])],
      },
      {
        ...gone,
        title: `a client that ${how} inside a mask is let go`,
        sends: [Buffer.from([0x81, 0x81, 1, 2])],
      },
      {
        ...gone,
        title: `a client that ${how} inside a payload is let go`,
        sends: [frame(TEXT, "a".repeat(100)).subarray(0, 50)],
      },
      {
        ...gone,
        title: `a client that ${how} inside a fragmented message is let go`,
        sends: [START],
      },
    ];
  }),
  {
    title: "a client that floods the echo and resets the connection is let go",
    sends: [times(16, frame(TEXT, "a".repeat(LIMIT)))],
    leaves: "rst",
    close: 1006,
  },
];

export const fragments: Attack[] = [...order, ...empty, ...sizes, ...segments, ...leaving];

function times(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}
