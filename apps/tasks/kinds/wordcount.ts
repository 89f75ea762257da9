import { TextDecoder } from "node:util";
import { z } from "zod";
import { type Input, kind, TaskFailure } from "../kind.ts";

/** A word: a run of letters, marks, digits and apostrophes. */
const WORD = /[\p{L}\p{M}\p{N}']+/gu;
/** The beginning of a word at the end of a chunk, which the next chunk may go on with. */
const UNFINISHED = /[\p{L}\p{M}\p{N}']+$/u;
/** Longer runs of letters are no words, and would have to be held in memory. */
const LONGEST_WORD = 1024 * 1024;

/** Counts the lines, words and bytes of a UTF-8 text, and its most frequent words. */
export const wordcount = kind({
  accepts: ["text/*"],
  params: z.object({ top: z.coerce.number().int().min(1).max(1_000).default(100) }),
  timeLimitSeconds: 600,
  async run(input, { top }, { progress }) {
    const counts = new Map<string, number>();
    let [lines, words, bytes] = [0, 0, 0];
    for await (const { text, read } of texts(input)) {
      lines += text.split("\n").length - 1;
      bytes = read;
      for (const [word] of text.toLowerCase().matchAll(WORD)) {
        words++;
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      progress(bytes / Math.max(input.bytes, 1));
    }
    return { lines, words, bytes, top: mostFrequent(counts, top) };
  },
});

// The text in pieces that end between words, whatever the borders of the chunks cut.
async function* texts(input: Input): AsyncGenerator<{ text: string; read: number }> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  let read = 0;
  for await (const chunk of input.stream()) {
    read += chunk.length;
    const text = rest + decode(decoder, chunk);
    rest = UNFINISHED.exec(text.slice(-LONGEST_WORD))?.[0] ?? "";
    if (rest.length === LONGEST_WORD) throw new TaskFailure("expected words, but one never ends");
    yield { text: text.slice(0, text.length - rest.length), read };
  }
  yield { text: rest + decode(decoder), read };
}

function decode(decoder: TextDecoder, chunk?: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (cause) {
    throw new TaskFailure("expected a text in UTF-8, but there are other bytes in it", { cause });
  }
}

function mostFrequent(counts: Map<string, number>, top: number): { word: string; count: number }[] {
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, top)
    .map(([word, count]) => ({ word, count }));
}
