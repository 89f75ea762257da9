// Autobahn's groups 1 to 5 and 10: framing, pings and pongs, reserved bits, opcodes, fragments.

import {
  answered,
  BINARY,
  type Case,
  CLOSE,
  CONTINUATION,
  chopped,
  closing,
  echoed,
  fragmented,
  frame,
  PING,
  PONG,
  pong,
  refused,
  type Step,
  TEXT,
} from "./case.ts";

const PROTOCOL_ERROR = 1002;
const HELLO = "Hello, world!";
const BYTES = Buffer.from("00fffefdfcfb00ff", "hex");
const LENGTHS = [0, 125, 126, 127, 128, 65_535, 65_536];
const CHOP = 997;

const framing: Case[] = [
  [TEXT, "*", "a text", "1.1"] as const,
  [BINARY, "\xfe", "a binary message", "1.2"] as const,
].flatMap(([opcode, fill, what, group]) => {
  const filled = (length: number) => Buffer.alloc(length, fill, "latin1");
  return [
    ...LENGTHS.map((length, n) =>
      answered(
        `${group}.${n + 1}`,
        `${what} of ${length} bytes`,
        [frame(opcode, filled(length))],
        [echoed(filled(length), opcode)],
      ),
    ),
    answered(
      `${group}.8`,
      `${what} of 65536 bytes in segments of ${CHOP}`,
      chopped(CHOP, frame(opcode, filled(65_536))),
      [echoed(filled(65_536), opcode)],
    ),
  ];
});

const TEN = Array.from({ length: 10 }, (_, n) => `payload-${n}`);
const tenPings = TEN.map((payload) => frame(PING, payload));
const FULL = Buffer.alloc(125, 0xfe);

const closesItself = { closesItself: true };

const pings: Case[] = [
  answered("2.1", "a ping", [frame(PING)], [pong()]),
  answered("2.2", "a ping with text", [frame(PING, HELLO)], [pong(HELLO)]),
  answered("2.3", "a ping with bytes that are no text", [frame(PING, BYTES)], [pong(BYTES)]),
  answered("2.4", "a ping of 125 bytes", [frame(PING, FULL)], [pong(FULL)]),
  refused("2.5", "a ping of 126 bytes", PROTOCOL_ERROR, [frame(PING, Buffer.alloc(126, 0xfe))]),
  answered("2.6", "a ping of 125 bytes, one by one", chopped(1, frame(PING, FULL)), [pong(FULL)]),
  {
    ...answered("2.7", "an unasked pong", [Buffer.concat([frame(PONG), closing(1000)])], []),
    ...closesItself,
  },
  {
    ...answered(
      "2.8",
      "an unasked pong with a payload",
      [Buffer.concat([frame(PONG, "unsolicited pong payload"), closing(1000)])],
      [],
    ),
    ...closesItself,
  },
  answered(
    "2.9",
    "an unasked pong, then a ping",
    [Buffer.concat([frame(PONG, "unsolicited pong payload"), frame(PING, "ping payload")])],
    [pong("ping payload")],
  ),
  answered("2.10", "ten pings", [Buffer.concat(tenPings)], TEN.map(pong)),
  answered("2.11", "ten pings, byte by byte", chopped(1, ...tenPings), TEN.map(pong)),
];

const ping = frame(PING);
const hello = frame(TEXT, HELLO);

/** A text, something that must be refused, and a ping that must not be answered. */
function behindText(id: string, what: string, bad: Buffer, send: (all: Buffer[]) => Step[]): Case {
  return refused(id, what, PROTOCOL_ERROR, send([hello, bad, ping]), [echoed(HELLO)]);
}

const together = (all: Buffer[]) => [Buffer.concat(all)];
const apart = (all: Buffer[]) => all;
const byteByByte = (all: Buffer[]) => chopped(1, ...all);

const reservedBits: Case[] = [
  refused("3.1", "a text with RSV 1", PROTOCOL_ERROR, [frame(TEXT, HELLO, { rsv: 1 })]),
  behindText("3.2", "RSV 2 behind a text", frame(TEXT, HELLO, { rsv: 2 }), together),
  behindText("3.3", "RSV 3 behind a text, apart", frame(TEXT, HELLO, { rsv: 3 }), apart),
  behindText(
    "3.4",
    "RSV 4 behind a text, byte by byte",
    frame(TEXT, HELLO, { rsv: 4 }),
    byteByByte,
  ),
  refused("3.5", "a binary with RSV 5", PROTOCOL_ERROR, [frame(BINARY, BYTES, { rsv: 5 })]),
  refused("3.6", "a binary with RSV 6", PROTOCOL_ERROR, [frame(BINARY, HELLO, { rsv: 6 })]),
  refused("3.7", "a close frame with RSV 7", PROTOCOL_ERROR, [frame(CLOSE, "", { rsv: 7 })]),
];

const opcodes: Case[] = [
  ["4.1", 3, "a frame for data"] as const,
  ["4.2", 11, "a control frame"] as const,
].flatMap(([group, first, what]) => [
  refused(`${group}.1`, `${what} ${first}`, PROTOCOL_ERROR, [frame(first)]),
  refused(`${group}.2`, `${what} ${first + 1} with a payload`, PROTOCOL_ERROR, [
    frame(first + 1, "reserved opcode payload"),
  ]),
  behindText(`${group}.3`, `${what} ${first + 2} behind a text`, frame(first + 2), together),
  behindText(
    `${group}.4`,
    `${what} ${first + 3} with a payload behind a text`,
    frame(first + 3, HELLO),
    together,
  ),
  behindText(
    `${group}.5`,
    `${what} ${first + 4} behind a text, byte by byte`,
    frame(first + 4, HELLO),
    byteByByte,
  ),
]);

const begun = { fin: false };
const ONE = "fragment1";
const TWO = "fragment2";
const pair = [frame(TEXT, ONE, begun), frame(CONTINUATION, TWO)];
const withPing = [frame(TEXT, ONE, begun), frame(PING, "ping payload"), frame(CONTINUATION, TWO)];
const pairAnswer = echoed(ONE + TWO);
const pingAnswers = [pong("ping payload"), pairAnswer];
const WAYS: [string, (all: Buffer[]) => Step[]][] = [
  ["", together],
  [", apart", apart],
  [", byte by byte", byteByByte],
];

/** The same in three ways of cutting it into segments. */
function threeWays(first: number, each: (id: string, how: string, n: number) => Case): Case[] {
  return WAYS.map(([how], n) => each(`5.${first + n}`, how, n));
}

const cut = (n: number, all: Buffer[]): Step[] => (WAYS[n] as (typeof WAYS)[number])[1](all);
const STRAY = "non-continuation payload";
const mixed = (fin: boolean) => [
  frame(CONTINUATION, ONE, { fin }),
  frame(TEXT, TWO, begun),
  frame(CONTINUATION, "fragment3"),
];
const parts = ["fragment1", "fragment2", "fragment3", "fragment4", "fragment5"];

const longTalk = (send: (all: Buffer[]) => Step[]): Step[] => [
  ...send([
    frame(TEXT, parts[0], begun),
    frame(CONTINUATION, parts[1], begun),
    frame(PING, "pongme 1!"),
  ]),
  // The first ping is answered before the message has come whole.
  { awaits: 1 },
  ...send([
    frame(CONTINUATION, parts[2], begun),
    frame(CONTINUATION, parts[3], begun),
    frame(PING, "pongme 2!"),
    frame(CONTINUATION, parts[4]),
  ]),
];
const longAnswers = [pong("pongme 1!"), pong("pongme 2!"), echoed(parts.join(""))];

const fragments: Case[] = [
  ...[PING, PONG].map((opcode, n) =>
    refused(`5.${n + 1}`, `a fragmented ${opcode === PING ? "ping" : "pong"}`, PROTOCOL_ERROR, [
      Buffer.concat([frame(opcode, ONE, begun), frame(CONTINUATION, TWO)]),
    ]),
  ),
  ...threeWays(3, (id, how, n) =>
    answered(id, `a text in two fragments${how}`, cut(n, pair), [pairAnswer]),
  ),
  ...threeWays(6, (id, how, n) =>
    answered(id, `a ping between two fragments${how}`, cut(n, withPing), pingAnswers),
  ),
  ...[true, false].flatMap((fin, kind) =>
    threeWays(9 + 3 * kind, (id, how, n) =>
      refused(
        id,
        `a continuation ${fin ? "that ends" : "that ends not"} without a start, then a text${how}`,
        PROTOCOL_ERROR,
        cut(n, [frame(CONTINUATION, STRAY, { fin }), hello]),
      ),
    ),
  ),
  refused(
    "5.15",
    "a text in two fragments, a continuation, then a text",
    PROTOCOL_ERROR,
    [Buffer.concat([...pair, frame(CONTINUATION, parts[2], begun), frame(TEXT, parts[3])])],
    [pairAnswer],
  ),
  ...[false, true].map((fin, n) =>
    refused(
      `5.${16 + n}`,
      `twice a continuation ${fin ? "that ends" : "that ends not"} and a text in two fragments`,
      PROTOCOL_ERROR,
      [Buffer.concat([...mixed(fin), ...mixed(fin)])],
    ),
  ),
  refused("5.18", "a text within a fragmented text", PROTOCOL_ERROR, [
    Buffer.concat([frame(TEXT, ONE, begun), frame(TEXT, TWO)]),
  ]),
  answered("5.19", "a text in five fragments and two pings", longTalk(together), longAnswers),
  answered("5.20", "a text in five fragments and two pings, apart", longTalk(apart), longAnswers),
];

const AUTO = 1_300;
const long = "*".repeat(65_536);

const automatic: Case[] = [
  answered(
    "10.1.1",
    `a text of 65536 bytes in fragments of ${AUTO}`,
    [fragmented(TEXT, long, AUTO)],
    [echoed(long)],
  ),
];

export const frames: Case[] = [
  ...framing,
  ...pings,
  ...reservedBits,
  ...opcodes,
  ...fragments,
  ...automatic,
];
