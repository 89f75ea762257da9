// Text that is not UTF-8, whole and in fragments cut at every byte.

import { frame } from "../../support/wire.ts";
import {
  type Attack,
  CONTINUATION,
  echoed,
  hex,
  legal,
  PING,
  pong,
  refused,
  TEXT,
} from "./attack.ts";

const MALFORMED: readonly (readonly [what: string, bytes: string])[] = [
  ["a continuation byte alone", "80"],
  ["the last continuation byte alone", "bf"],
  ["a start byte of two alone", "c3"],
  ["a start byte of three with one byte missing", "e282"],
  ["a start byte of four with one byte missing", "f09f98"],
  ["a start byte before an ASCII letter", "c361"],
  ["a slash in two bytes, overlong", "c0af"],
  ["NUL in two bytes, overlong", "c080"],
  ["the last overlong of two bytes", "c1bf"],
  ["a slash in three bytes, overlong", "e080af"],
  ["the last overlong of three bytes", "e09fbf"],
  ["a slash in four bytes, overlong", "f08080af"],
  ["the last overlong of four bytes", "f08fbfbf"],
  ["the first surrogate", "eda080"],
  ["the last surrogate", "edbfbf"],
  ["a surrogate pair, as CESU-8 writes it", "eda0bdedb880"],
  ["the code point after the last", "f4908080"],
  ["a start byte beyond the last", "f5808080"],
  ["a sequence of five bytes", "f888808080"],
  ["a sequence of six bytes", "fc8480808080"],
  ["the byte FE", "fe"],
  ["the byte FF", "ff"],
];
const VALID: readonly (readonly [what: string, text: string])[] = [
  ["NUL", "\u0000"],
  ["the last of one byte", "\u007f"],
  ["the first of two bytes", "\u0080"],
  ["the last of two bytes", "\u07ff"],
  ["the first of three bytes", "\u0800"],
  ["the code point before the surrogates", "\ud7ff"],
  ["the code point after the surrogates", "\ue000"],
  ["a noncharacter", "\uffff"],
  ["a byte order mark, which is a character here", "\ufeffa"],
  ["the first of four bytes", "\u{10000}"],
  ["the last code point", "\u{10ffff}"],
];
const GREETING = "κόσμε€𝄞";
/** The word of the usual decoder tests with a surrogate in it. */
const WITH_SURROGATE = Buffer.from("cebae1bdb9ed a080 6564".replaceAll(" ", ""), "hex");

const whole: Attack[] = [
  ...MALFORMED.map(([what, bytes]) =>
    refused(`${what} as a text closes 1007`, 1007, frame(TEXT, Buffer.from(bytes, "hex"))),
  ),
  ...VALID.map(([what, text]) =>
    legal(`${what} as a text is echoed`, [frame(TEXT, text)], [echoed(text)]),
  ),
  refused(
    "a malformed byte at the end of 64 KiB of text closes 1007",
    1007,
    frame(TEXT, Buffer.concat([Buffer.alloc(65_535, "a"), Buffer.from([0xff])])),
  ),
];

const cutMalformed: Attack[] = cuts(WITH_SURROGATE).map(([one, two]) =>
  refused(
    `a surrogate in a text cut into ${hex(one)} and ${hex(two)} closes 1007`,
    1007,
    frame(TEXT, one, false),
    frame(CONTINUATION, two),
  ),
);

const cutValid: Attack[] = cuts(Buffer.from(GREETING)).map(([one, two]) =>
  legal(
    `a text cut after its byte ${one.length}, inside a character or not, is echoed whole`,
    [frame(TEXT, one, false), frame(CONTINUATION, two)],
    [echoed(GREETING)],
  ),
);

const odd: Attack[] = [
  legal(
    "a text in fragments of one byte, with a ping inside a character, is echoed whole",
    [
      frame(TEXT, "", false),
      ...[...Buffer.from("€")].flatMap((byte) => [
        frame(CONTINUATION, Buffer.from([byte]), false),
        frame(PING, "p"),
      ]),
      frame(CONTINUATION),
    ],
    [pong("p"), pong("p"), pong("p"), echoed("€")],
  ),
  refused(
    "a character begun in one message and ended in the next closes 1007",
    1007,
    frame(TEXT, Buffer.from("e282", "hex")),
    frame(TEXT, Buffer.from("ac", "hex")),
  ),
  refused(
    "an unfinished character before an empty last fragment closes 1007",
    1007,
    frame(TEXT, Buffer.from("e282", "hex"), false),
    frame(CONTINUATION),
  ),
];

export const text: Attack[] = [...whole, ...cutMalformed, ...cutValid, ...odd];

function cuts(bytes: Buffer): (readonly [Buffer, Buffer])[] {
  return Array.from({ length: bytes.length - 1 }, (_, i) => [
    bytes.subarray(0, i + 1),
    bytes.subarray(i + 1),
  ]);
}
