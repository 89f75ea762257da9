// Control frames: their own rules, close codes, floods.

import { frame } from "../../support/wire.ts";
import {
  type Attack,
  BINARY,
  CLOSE,
  closing,
  echoed,
  hex,
  legal,
  PING,
  PONG,
  pong,
  raw,
  refused,
  TEXT,
} from "./attack.ts";

const KINDS: readonly (readonly [opcode: number, name: string])[] = [
  [CLOSE, "close frame"],
  [PING, "ping"],
  [PONG, "pong"],
];
const INVALID_CODES = [
  0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32_768, 65_535,
];
const VALID_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];
/** Pongs that ws lets wait for the operating system before it takes the pings for a flood. */
const WAITING_PONGS = 499;

const shape: Attack[] = KINDS.flatMap(([opcode, name]) => [
  refused(`a fragmented ${name} closes 1002`, 1002, raw({ opcode, fin: false })),
  refused(`a ${name} of 126 bytes closes 1002`, 1002, raw({ opcode }, Buffer.alloc(126, "a"))),
  refused(
    `a ${name} with a 16-bit length closes 1002, however short it is`,
    1002,
    raw({ opcode, lengthBits: 16 }, "ab"),
  ),
  refused(
    `a ${name} with a 64-bit length closes 1002, however short it is`,
    1002,
    raw({ opcode, lengthBits: 64 }, "ab"),
  ),
]);

const closes: Attack[] = [
  ...INVALID_CODES.map((code) =>
    refused(`a close frame with the code ${code} is answered 1002`, 1002, closing(code)),
  ),
  ...VALID_CODES.map((code) => ({
    title: `a close frame with the code ${code} is answered with the same`,
    sends: [closing(code)],
    answers: [],
    close: code,
  })),
  refused("a close frame of one byte is answered 1002", 1002, frame(CLOSE, "a")),
  {
    title: "a close frame without a code is answered without one",
    sends: [frame(CLOSE)],
    answers: [],
    close: 1005,
  },
  {
    title: "a close frame with a reason of 123 bytes, the longest there is, is answered",
    sends: [closing(1000, "r".repeat(123))],
    answers: [],
    close: 1000,
  },
  ...["ff", "c0af", "eda080", "f4908080", "e282", "616280"]
    .map((bytes) => Buffer.from(bytes, "hex"))
    .map((reason) =>
      refused(
        `a close frame whose reason is the bytes ${hex(reason)} is answered 1007`,
        1007,
        closing(1000, reason),
      ),
    ),
  {
    title: "data after a close frame is ignored",
    sends: [Buffer.concat([closing(1000), frame(TEXT, "late"), frame(PING, "late")])],
    answers: [],
    close: 1000,
  },
  {
    title: "malformed bytes after a close frame are ignored",
    sends: [Buffer.concat([closing(1000), Buffer.alloc(1_000, 0xff)])],
    answers: [],
    close: 1000,
  },
  {
    title: "a flood of a thousand close frames is answered once",
    sends: [Buffer.concat(Array.from({ length: 1_000 }, () => closing(1000)))],
    answers: [],
    close: 1000,
  },
  {
    title: "a close frame inside a fragmented message is answered, and the message is dropped",
    sends: [frame(TEXT, "a", false), closing(1000)],
    answers: [],
    close: 1000,
  },
  {
    title: "a message right before a close frame may go unanswered, but the close is not",
    sends: [Buffer.concat([frame(TEXT, "last"), closing(4000)])],
    close: 4000,
  },
];

const pings: Attack[] = [
  legal("an empty ping is answered with an empty pong", [frame(PING)], [pong()]),
  legal(
    "a ping of 125 bytes, the longest there is, is answered with the same bytes",
    [frame(PING, "p".repeat(125))],
    [pong("p".repeat(125))],
  ),
  legal(
    "a pong that nobody asked for is ignored",
    [frame(PONG, "x"), frame(TEXT, "a")],
    [echoed("a")],
  ),
  legal(
    "four hundred pongs that nobody asked for, fewer than may come at once, are ignored",
    [Buffer.concat(Array.from({ length: 400 }, () => frame(PONG, "x"))), frame(TEXT, "a")],
    [echoed("a")],
  ),
  ...["", "x"].map((payload) => ({
    title: `ten thousand pongs of ${payload.length} bytes that nobody asked for close 1008, as pings do`,
    sends: [Buffer.concat(Array.from({ length: 10_000 }, () => frame(PONG, payload)))],
    answers: [],
    replies: true,
    close: 1008,
  })),
  legal(
    `${WAITING_PONGS} pings in one segment are all answered`,
    [Buffer.concat(Array.from({ length: WAITING_PONGS }, () => frame(PING, "p")))],
    Array.from({ length: WAITING_PONGS }, () => pong("p")),
  ),
  {
    title: "ten thousand pings in one segment close 1008, as ten thousand messages do",
    sends: [Buffer.concat(Array.from({ length: 10_000 }, () => frame(PING, "p".repeat(125))))],
    replies: true,
    close: 1008,
  },
];

const wrongKind: Attack[] = [
  ["a binary message", frame(BINARY, "a")],
  ["an empty binary message", frame(BINARY)],
  ["a fragmented binary message", Buffer.concat([frame(BINARY, "a", false), frame(0, "b")])],
  ["a binary message of exactly the limit", frame(BINARY, Buffer.alloc(65_536))],
].map(([name, bytes]) => ({
  title: `${name} on a route for text closes 1003`,
  sends: [bytes as Buffer],
  replies: true,
  answers: [],
  close: 1003,
}));

const floodAfterRefusal: Attack[] = [
  {
    title: "a text behind a binary message in the same segment is not echoed after the 1003",
    sends: [Buffer.concat([frame(BINARY, "a"), frame(TEXT, "late")])],
    replies: true,
    answers: [],
    close: 1003,
  },
  {
    title: "a thousand binary messages in one segment close 1003 once",
    sends: [Buffer.concat(Array.from({ length: 1_000 }, () => frame(BINARY, "a")))],
    replies: true,
    answers: [],
    close: 1003,
  },
];

export const control: Attack[] = [
  ...shape,
  ...closes,
  ...pings,
  ...wrongKind,
  ...floodAfterRefusal,
];
