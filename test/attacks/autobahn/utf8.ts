// Autobahn's group 6: texts that are UTF-8, and texts that are not.

import {
  answered,
  type Case,
  CONTINUATION,
  echoed,
  fragmented,
  frame,
  PAUSE,
  refused,
  type Step,
  TEXT,
} from "./case.ts";

const INVALID = 1007;
const begun = { fin: false };
const bytes = (hex: string) => Buffer.from(hex, "hex");

const MIXED = "Hello-µ@ßöäüàá-UTF-8!!";
const GREEK = bytes("cebae1bdb9cf83cebcceb5");
const SURROGATE = Buffer.concat([GREEK, bytes("eda080"), Buffer.from("edited")]);

const whole: Case[] = [
  answered("6.1.1", "an empty text", [frame(TEXT)], [echoed("")]),
  answered(
    "6.1.2",
    "three empty fragments",
    [Buffer.concat([frame(TEXT, "", begun), frame(CONTINUATION, "", begun), frame(CONTINUATION)])],
    [echoed("")],
  ),
  answered(
    "6.1.3",
    "a fragment between two empty ones",
    [
      Buffer.concat([
        frame(TEXT, "", begun),
        frame(CONTINUATION, "middle frame payload", begun),
        frame(CONTINUATION),
      ]),
    ],
    [echoed("middle frame payload")],
  ),
  answered("6.2.1", "a text of several scripts", [frame(TEXT, MIXED)], [echoed(MIXED)]),
  answered(
    "6.2.2",
    "the same in two fragments",
    [Buffer.concat([frame(TEXT, "Hello-µ@ßöä", begun), frame(CONTINUATION, "üàá-UTF-8!!")])],
    [echoed(MIXED)],
  ),
  answered(
    "6.2.3",
    "the same in fragments of a byte",
    [fragmented(TEXT, MIXED, 1)],
    [echoed(MIXED)],
  ),
  answered("6.2.4", "Greek in fragments of a byte", [fragmented(TEXT, GREEK, 1)], [echoed(GREEK)]),
  refused("6.3.1", "a surrogate in a text", INVALID, [frame(TEXT, SURROGATE)]),
  refused("6.3.2", "the same in fragments of a byte", INVALID, [fragmented(TEXT, SURROGATE, 1)]),
];

const BEYOND = Buffer.concat([GREEK, bytes("f4908080"), Buffer.from("edited")]);

// Whether a server notices before the message is whole: ws looks at whole messages, and so does
// what is built on it. Autobahn reports that as NON-STRICT.
function early(id: string, what: string, sends: readonly Step[]): Case {
  return {
    ...refused(id, what, INVALID, sends),
    strictSteps: sends.length - 1,
    verdict: "NON-STRICT",
  };
}

const inFragments = (
  ...[one = Buffer.of(), two = Buffer.of(), three = Buffer.of()]: Buffer[]
): Step[] => [
  frame(TEXT, one, begun),
  PAUSE,
  frame(CONTINUATION, two, begun),
  PAUSE,
  frame(CONTINUATION, three),
];
const cut = (bytes: Buffer, ...at: number[]): Buffer[] =>
  [0, ...at].map((from, n) => bytes.subarray(from, at[n] ?? bytes.length));
const MARK = GREEK.length;
const inOneFrame = (first: number, second: number): Step[] => {
  const all = frame(TEXT, BEYOND);
  const head = all.length - BEYOND.length;
  const [one, two, three] = cut(all, head + first, head + second) as [Buffer, Buffer, Buffer];
  return [one, PAUSE, two, PAUSE, three];
};

const failFast: Case[] = [
  early(
    "6.4.1",
    "a code point out of range in its own fragment",
    inFragments(...cut(BEYOND, MARK, MARK + 4)),
  ),
  early("6.4.2", "its first two bytes in two fragments", inFragments(...cut(BEYOND, 12, 13))),
  early("6.4.3", "a code point out of range in its own segment", inOneFrame(MARK, MARK + 4)),
  early("6.4.4", "its first two bytes in two segments", inOneFrame(12, 13)),
];

/** Bytes in hexadecimal; what is no UTF-8 has an exclamation mark before it. */
type Group = readonly string[];

const prefixes = Array.from({ length: GREEK.length }, (_, n) => GREEK.subarray(0, n + 1));
const isText = (each: Buffer) => Buffer.from(each.toString()).equals(each);
const marked = (each: Buffer) => `${isText(each) ? "" : "!"}${each.toString("hex")}`;
const lonely = ([from, to]: readonly [number, number]) =>
  `!${Array.from({ length: to - from }, (_, n) => `${(from + n).toString(16)}20`).join("")}`;
const incomplete = [
  ..."c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf".split(" "),
];
const invalid = (all: string): Group => all.split(" ").map((each) => `!${each}`);
const valid = (all: string): Group => all.split(" ");
const nonCharacters = [0xf0, 0xf1, 0xf2, 0xf3, 0xf4].flatMap((first) =>
  [0x8f, 0x9f, 0xaf, 0xbf]
    .filter((second) => (first === 0xf4 ? second === 0x8f : first !== 0xf0 || second !== 0x8f))
    .flatMap((second) => [0xbe, 0xbf].map((last) => Buffer.of(first, second, 0xbf, last))),
);
const hello = (character: string) => Buffer.from(`hello${character}world`).toString("hex");

/** From 6.5 on, in Autobahn's order: http://www.cl.cam.ac.uk/~mgk25/ucs/examples/UTF-8-test.txt. */
const GROUPS: readonly (readonly [what: string, Group])[] = [
  ["valid text", [..."$¢€𤭢"].map(hello).concat(GREEK.toString("hex"))],
  ["a prefix of a valid text", prefixes.map(marked)],
  ["the first of a length", valid("00 c280 e0a080 f0908080")],
  ["the first of a length that there is not", invalid("f888808080 fc8480808080")],
  ["the last of a length", valid("7f dfbf efbfbf f48fbfbf")],
  ["the last of a length that there is not", invalid("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf")],
  ["a boundary", ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "!f4908080"]],
  [
    "continuation bytes alone",
    invalid("80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf").concat(
      `!${Array.from({ length: 0x3f }, (_, n) => (0x80 + n).toString(16)).join("")}`,
    ),
  ],
  [
    "lonely first bytes",
    (
      [
        [0xc0, 0xdf],
        [0xe0, 0xef],
        [0xf0, 0xf7],
        [0xf8, 0xfb],
        [0xfc, 0xfd],
      ] as const
    ).map(lonely),
  ],
  ["a last byte that is missing", incomplete.map((each) => `!${each}`)],
  ["many last bytes that are missing", [`!${incomplete.join("")}`]],
  ["impossible bytes", invalid("fe ff fefeffff")],
  ["an overlong solidus", invalid("c0af e080af f08080af f8808080af fc80808080af")],
  ["the greatest overlong", invalid("c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf")],
  ["an overlong NUL", invalid("c080 e08080 f0808080 f880808080 fc8080808080")],
  ["a surrogate", invalid("eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf")],
  [
    "a pair of surrogates",
    ["eda080", "edadbf", "edae80", "edafbf"].flatMap((high) =>
      ["edb080", "edbfbf"].map((low) => `!${high}${low}`),
    ),
  ],
  [
    "a non-character",
    [...valid("efbfbe efbfbf"), ...nonCharacters.map((each) => each.toString("hex"))],
  ],
  ["a special", valid("efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf")],
];

const sequences: Case[] = GROUPS.flatMap(([what, group], g) =>
  group.map((each, n) => {
    const id = `6.${g + 5}.${n + 1}`;
    const isValid = !each.startsWith("!");
    const payload = bytes(each.replace("!", ""));
    const sends = [frame(TEXT, payload)];
    const title = `${what}: ${payload.toString("hex").slice(0, 40)}`;
    return isValid
      ? answered(id, title, sends, [echoed(payload)])
      : refused(id, title, INVALID, sends);
  }),
);

export const utf8: Case[] = [...whole, ...failFast, ...sequences];
