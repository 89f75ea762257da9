// Autobahn's group 7: close frames that the client sends.

import {
  type Answer,
  answered,
  type Case,
  CLOSE,
  CONTINUATION,
  closing,
  echoed,
  frame,
  PING,
  TEXT,
} from "./case.ts";

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const HELLO = "Hello World!";
const SURROGATE = Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex");
const LONG = "BAsd7&jh23".repeat(26_215).slice(0, 256 * 1024);

interface Close {
  readonly codes?: readonly number[];
  readonly isClean?: boolean;
  readonly ok?: readonly Answer[];
}

/** A case that sends its close frame itself, all in one segment. */
function closes(id: string, what: string, sends: readonly Buffer[], close: Close = {}): Case {
  const { codes = [1000], isClean = true, ok = [] } = close;
  return { ...answered(id, what, [Buffer.concat(sends)], ok), codes, isClean, closesItself: true };
}

const BAD: Close = { codes: [1002], isClean: false };
const normal = closing(1000);

export const closeFrames: Case[] = [
  answered("7.1.1", "a text and then a close frame", [frame(TEXT, HELLO)], [echoed(HELLO)]),
  closes("7.1.2", "two close frames", [normal, frame(CLOSE)]),
  closes("7.1.3", "a ping behind a close frame", [normal, frame(PING)]),
  closes("7.1.4", "a text behind a close frame", [normal, frame(TEXT, HELLO)]),
  closes("7.1.5", "a close frame between two fragments", [
    frame(TEXT, "fragment1", { fin: false }),
    normal,
    frame(CONTINUATION, "fragment2"),
  ]),
  // To Autobahn it is the same whether the texts are answered; to us both are.
  closes(
    "7.1.6",
    "256 KiB of text, a text, a close frame and a ping at once",
    [frame(TEXT, LONG), frame(TEXT, HELLO), normal, frame(PING)],
    { ok: [echoed(LONG), echoed(HELLO)] },
  ),
  closes("7.3.1", "a close frame without a payload", [frame(CLOSE)]),
  closes("7.3.2", "a close frame of one byte", [frame(CLOSE, "a")], BAD),
  closes("7.3.3", "a close frame with a code", [normal]),
  closes("7.3.4", "a close frame with a reason", [closing(1000, HELLO)]),
  closes("7.3.5", "a close frame with a reason of 123 bytes", [closing(1000, "*".repeat(123))]),
  closes("7.3.6", "a close frame with a reason of 124", [closing(1000, "*".repeat(124))], BAD),
  closes("7.5.1", "a close frame whose reason is no UTF-8", [closing(1000, SURROGATE)], {
    codes: [1002, 1007],
    isClean: false,
  }),
  ...VALID.map((code, n) =>
    closes(`7.7.${n + 1}`, `a close frame with ${code}`, [closing(code)], { codes: [1000, code] }),
  ),
  ...INVALID.map((code, n) =>
    closes(`7.9.${n + 1}`, `a close frame with ${code}`, [closing(code)], BAD),
  ),
  ...[5000, 65_535].map((code, n) =>
    closes(`7.13.${n + 1}`, `a close frame with ${code}`, [closing(code)], {
      codes: [1000, 1002, code],
      isClean: false,
    }),
  ),
];
