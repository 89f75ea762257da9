import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
import { createTasks } from "../../../../apps/tasks/index.ts";
import { TaskFailure } from "../../../../apps/tasks/kind.ts";
import { wordcount } from "../../../../apps/tasks/kinds/wordcount.ts";
import { follow, submit } from "../support/client.ts";
import { ownFolder } from "../support/folder.ts";

const folder = ownFolder();

interface Result {
  readonly lines: number;
  readonly words: number;
  readonly bytes: number;
  readonly top: readonly { word: string; count: number }[];
}

/** Counts a text that comes in these chunks. */
function count(chunks: readonly Uint8Array[], top = 1_000): Promise<Result> {
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  async function* stream() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  return wordcount.run({ bytes, stream }, { top }, { progress: () => {} }) as Promise<Result>;
}

/** The same by the whole text at once: each word in lower case by itself. */
function reference(content: Uint8Array, most = 1_000): Result {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  const words = (text.match(/[\p{L}\p{M}\p{N}']+/gu) ?? []).map((word) => word.toLowerCase());
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const top = [...counts]
    .map(([word, count]) => ({ word, count }))
    .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
    .slice(0, most);
  const ended = content.filter((byte) => byte === 10).length;
  const lines = content.length > 0 && content.at(-1) !== 10 ? ended + 1 : ended;
  return { lines, words: words.length, bytes: content.length, top };
}

function cut(content: Uint8Array, at: readonly number[]): Uint8Array[] {
  const borders = [0, ...at.toSorted((a, b) => a - b), content.length];
  return borders.slice(1).map((end, i) => content.subarray(borders[i], end));
}

const isUtf8Failure = (error: unknown) =>
  error instanceof TaskFailure && /expected a text in UTF-8/.test(error.message);

const texts = {
  "one word": "word",
  nothing: "",
  "no word at all": " .,;-—\n\n",
  "letters of several bytes": "Ünï ça ħello ħello",
  "surrogate pairs, letters and others": "𝒜𝒷 𐐀𐐨 😀x😀 𐐀",
  "combining marks": "e\u0301te\u0301 ete\u0301 हिन्दी हिन्दी n\u0303",
  "Windows line ends": "one\r\ntwo\r\n\r\none",
  "a byte order mark": "\ufeffone two \ufeffone",
  "apostrophes and digits": "don't don't 'tis 4th ٣ x² Ⅷ",
  "sigmas that are last, and those with a letter behind a stop": "ΟΔΟΣ ΑΣ.Α Α.Σ Σ ΣΣ ΑΣ'Α",
  "letters that grow in lower case": "İstanbul İ ẞ ǅ",
  zero: "a\0b",
};

describe("the count of words", () => {
  for (const [name, text] of Object.entries(texts)) {
    test(`is that of the whole text wherever it is cut: ${name}`, async () => {
      const content = Buffer.from(text);
      const expected = reference(content);
      for (let at = 0; at <= content.length; at++) {
        assert.deepEqual(await count(cut(content, [at])), expected, `cut at ${at}`);
      }
      const single = [...content].map((byte) => Uint8Array.of(byte));
      assert.deepEqual(await count(single), expected);
    });
  }

  test("is that of the whole text for any text and any borders", async () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom(...Object.values(texts), "a", "A", "Σ", ".", " ", "\n", "'"),
    );
    const text = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 8 }), async (whole, borders) => {
        const content = Buffer.from(whole);
        const at = borders.map((border) => border % (content.length + 1));
        assert.deepEqual(await count(cut(content, at)), reference(content));
      }),
      { numRuns: 500 },
    );
  });

  test("gives as many words as are asked for, the most frequent first, and equal ones in order", async () => {
    const { top, words } = await count([Buffer.from("b a c a b d A B")], 3);
    assert.equal(words, 8);
    assert.deepEqual(top, [
      { word: "a", count: 3 },
      { word: "b", count: 3 },
      { word: "c", count: 1 },
    ]);
  });

  test("tells how far it is by the bytes it has read", async () => {
    const told: number[] = [];
    async function* stream() {
      for (let i = 0; i < 4; i++) yield Buffer.from("word ");
    }
    const tools = { progress: (done: number) => void told.push(done) };
    await wordcount.run({ bytes: 20, stream }, { top: 1 }, tools);
    assert.deepEqual(told, [0.25, 0.5, 0.75, 1, 1]);
  });
});

describe("a text that is not UTF-8", () => {
  test("fails wherever the other byte is, and however it is cut", async () => {
    const content = Buffer.from("aé€😀 b");
    for (const wrong of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5], [0x80]]) {
      for (let at = 0; at <= content.length; at++) {
        const broken = Buffer.concat([
          content.subarray(0, at),
          Buffer.from(wrong),
          content.subarray(at),
        ]);
        assert.throws(() => reference(broken));
        await assert.rejects(count([broken]), isUtf8Failure, `${wrong} at ${at}`);
        for (let border = 0; border <= broken.length; border++) {
          await assert.rejects(count(cut(broken, [border])), isUtf8Failure);
        }
      }
    }
  });

  test("fails when it breaks off inside a character", async () => {
    const content = Buffer.from("word é€😀");
    const whole = new Set([5, 7, 10, 14]);
    for (let end = 5; end <= content.length; end++) {
      const part = content.subarray(0, end);
      const single = [...part].map((byte) => Uint8Array.of(byte));
      for (const chunks of [[part], single]) {
        if (whole.has(end)) assert.equal((await count(chunks)).bytes, end);
        else await assert.rejects(count(chunks), isUtf8Failure, `ends at ${end}`);
      }
    }
  });

  test("is told from one that is, for any bytes and any borders", async () => {
    const bytes = fc.array(
      fc.constantFrom(0x41, 0x20, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xff),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(), { maxLength: 4 }), async (all, borders) => {
        const content = Uint8Array.from(all);
        const at = borders.map((border) => border % (content.length + 1));
        let expected: Result | undefined;
        try {
          expected = reference(content);
        } catch {}
        if (expected) assert.deepEqual(await count(cut(content, at)), expected);
        else await assert.rejects(count(cut(content, at)), isUtf8Failure);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a word that does not end", () => {
  const MIB = 1024 * 1024;
  const chunksOf = (length: number, size: number) =>
    Array.from({ length: Math.ceil(length / size) }, (_, i) =>
      Buffer.alloc(Math.min(size, length - i * size), "x"),
    );

  const tooLong = (error: unknown) =>
    error instanceof TaskFailure && /words of at most 1048576/.test(error.message);

  test("is not waited for", async () => {
    async function* stream() {
      for (let i = 0; ; i++) {
        assert.ok(i < 100, "it was read on and on");
        yield Buffer.alloc(65_536, "x");
      }
    }
    const tools = { progress: () => {} };
    await assert.rejects(wordcount.run({ bytes: 1, stream }, { top: 1 }, tools), tooLong);
  });

  test("is a failure as well when its end is in the same chunk", async () => {
    await assert.rejects(count([Buffer.alloc(MIB + 2, "x").fill(" ", MIB + 1)]), tooLong);
    assert.equal((await count([Buffer.alloc(MIB + 1, "x").fill(" ", MIB)])).words, 1);
  });

  for (const size of [65_536, 700_000, 3 * MIB]) {
    test(`is one up to a mebibyte, in chunks of ${size}, and then a failure`, async () => {
      assert.equal((await count(chunksOf(MIB, size))).words, 1);
      await assert.rejects(count(chunksOf(MIB + 1, size)), tooLong);
      await assert.rejects(count([...chunksOf(MIB + 1, size), Buffer.from(" more")]), tooLong);
    });
  }
});

// Words by Python's own knowledge of Unicode.
const PYTHON = `
import collections, json, sys, unicodedata
text = open(sys.argv[1], encoding="utf-8", newline="").read()
part = {c for c in set(text) if unicodedata.category(c)[0] in "LMN" or c == "'"}
words = [w.lower() for w in "".join(c if c in part else " " for c in text).split(" ") if w]
top = sorted(collections.Counter(words).items(), key=lambda w: (-w[1], w[0].encode("utf-16-be")))
print(json.dumps({"lines": text.count("\\n") + (text[-1:] not in ("", "\\n")), "words": len(words),
                  "bytes": len(text.encode()), "top": top[:100]}))
`;

test("five megabytes in many scripts are counted as Python counts them", async () => {
  const content = someText(5_500_000);
  const file = join(folder.path, "text");
  writeFileSync(file, content);
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", PYTHON, file], {
    timeout: 60_000,
  });
  assert.equal(stderr.toString(), "");
  const python = JSON.parse(stdout.toString());
  await using client = await TestClient.start(new App().mount("/tasks", createTasks()));
  const { id } = await submit(client, "wordcount", content);
  const follower = await follow(client, id);
  const { status, result } = await follower.end();
  assert.equal(status, "succeeded");
  const { lines, words, bytes, top } = result as Result;
  assert.deepEqual(
    { lines, words, bytes, top: top.map(({ word, count: n }) => [word, n]) },
    python,
  );
  assert.ok(bytes >= 5_000_000 && words > 400_000 && top.length === 100);
});

function someText(bytes: number): Buffer {
  const letters = [
    "abcdefghijklmnopqrstuvwxyzABCDEF'",
    "äöüßéèêçñøåÄÖÜÉ",
    "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΣΩ",
    "абвгдежзиклмнопрстуфхцчшщъыьэюяАБВГ",
    "अआइईउऊकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौ्ं",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي\u064b\u064e\u0651",
    "一二三四五六七八九十百千万上下左右中大小月日年",
    "𐐀𐐁𐐂𐐃𐐨𐐩𐐪𐐫𝒜𝒷",
    "0123456789٠١٢٣४५६",
    "e\u0301o\u0308n\u0303",
  ].map((each) => [...each]);
  const between = [" ", " ", " ", "\n", "\r\n", ", ", ". ", "—", " 😀 ", "\t", ".", "\u00a0"];
  let seed = 20_240_607;
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  const pick = (from: readonly string[]) => from[random(from.length)] ?? "";
  const words = Array.from({ length: 20_000 }, () => {
    const script = letters[random(letters.length)] ?? [];
    return Array.from({ length: 1 + random(9) }, () => pick(script)).join("");
  });
  const chunks: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    const chunk = Buffer.from((words[random(141) ** 2] ?? "") + pick(between));
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

for (const [text, lines] of [
  ["", 0],
  ["one", 1],
  ["one\n", 1],
  ["one\ntwo", 2],
  ["one\r\ntwo\r\n", 2],
  ["\n\n", 2],
  ["\n\nthree", 3],
] as const) {
  test(`${JSON.stringify(text)} has ${lines} ${lines === 1 ? "line" : "lines"}, as people count`, async () => {
    assert.equal((await count([Buffer.from(text)])).lines, lines);
  });
}
