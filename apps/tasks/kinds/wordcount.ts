import { TextDecoder } from "node:util";
import { z } from "zod";
import { type Input, kind, TaskFailure } from "../kind.ts";

/** A word: a run of letters, marks, digits and apostrophes. */
const WORD = /[\p{L}\p{M}\p{N}']+/gu;
/** One character of a word. */
const PART_OF_WORD = /^[\p{L}\p{M}\p{N}']$/u;
/** The longest word, in characters: a word must be held in memory. */
const LONGEST_WORD = 1024 * 1024;

/** Counts the lines, words and bytes of a UTF-8 text, and its most frequent words. */
export const wordcount = kind({
  accepts: ["text/*"],
  params: z.object({ top: z.coerce.number().int().min(1).max(1_000).default(100) }),
  timeLimitSeconds: 600,
  async run(input, { top }, { progress }) {
    const counts = new Map<string, Count>();
    let [lines, words, bytes] = [0, 0, 0];
    let isLineOpen = false;
    for await (const { text, read } of texts(input)) {
      lines += text.split("\n").length - 1;
      if (text !== "") isLineOpen = !text.endsWith("\n");
      bytes = read;
      for (const [word] of text.matchAll(WORD)) {
        words++;
        count(counts, word);
      }
      progress(bytes / Math.max(input.bytes, 1));
    }
    // The last line counts too, with or without a line feed at its end.
    if (isLineOpen) lines++;
    return { lines, words, bytes, top: mostFrequent(counts, top) };
  },
});

interface Count {
  readonly word: string;
  count: number;
}

// Each word is lowered by itself: the lower case of a sigma depends on the characters behind the
// word, and so on where the chunks were cut.
function count(counts: Map<string, Count>, run: string): void {
  if (run.length > LONGEST_WORD) throw tooLong();
  const lower = run.toLowerCase();
  const known = counts.get(lower);
  if (known) known.count++;
  else {
    const word = copyOf(lower);
    counts.set(word, { word, count: 1 });
  }
}

// V8's match is a slice of its text, and would keep the whole chunk in memory.
function copyOf(word: string): string {
  return Buffer.from(word).toString();
}

// Yields the text in pieces that end between words, wherever the chunks were cut.
async function* texts(input: Input): AsyncGenerator<{ text: string; read: number }> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  let read = 0;
  for await (const chunk of input.stream()) {
    read += chunk.length;
    const text = rest + decode(decoder, chunk);
    const end = endOfWords(text);
    rest = text.slice(end);
    if (rest.length > LONGEST_WORD) throw tooLong();
    yield { text: text.slice(0, end), read };
  }
  yield { text: rest + decode(decoder), read };
}

// Finds where the last word begins, because the next chunk may continue it. A loop backwards: a
// regular expression for the end of a text tries every position.
function endOfWords(text: string): number {
  let end = text.length;
  while (end > 0) {
    const begin = end - (isLowSurrogate(text.charCodeAt(end - 1)) ? 2 : 1);
    if (!PART_OF_WORD.test(text.slice(begin, end))) break;
    end = begin;
  }
  return end;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function tooLong(): TaskFailure {
  return new TaskFailure(`expected words of at most ${LONGEST_WORD} characters`);
}

function decode(decoder: TextDecoder, chunk?: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (cause) {
    throw new TaskFailure("expected a text in UTF-8, but there are other bytes in it", { cause });
  }
}

function mostFrequent(counts: Map<string, Count>, top: number): Count[] {
  return [...counts.values()]
    .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
    .slice(0, top);
}
