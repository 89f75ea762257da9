import { inWords } from "../../page/numbers.js";
import { texts } from "../../page/texts.js";
import { barChart } from "./bar-chart.js";
import { wordTable } from "./word-table.js";

const BARS = 10;
/** Of a word; the table has it whole. */
const LETTERS = 12;

/** Whether a task's result is what this page can show; a server may keep none that is too long. */
export function isWordResult(result) {
  const numbers = [result?.lines, result?.words, result?.bytes];
  return numbers.every(Number.isFinite) && Array.isArray(result.top) && result.top.every(isCount);
}

function isCount(value) {
  return typeof value?.word === "string" && Number.isFinite(value.count);
}

/** What was counted, in two words. */
export function summaryOf({ words }) {
  return texts().words(words);
}

/**
 * What was counted: the totals, the first words as a bar chart, and all that were sent as a table.
 *
 * @param {{ lines: number, words: number, bytes: number, top: { word: string, count: number }[] }} result
 * @returns {HTMLElement[]}
 */
export function wordResult({ lines, words, bytes, top }) {
  const totals = document.createElement("dl");
  totals.append(
    ...pair(texts().linesCounted, lines),
    ...pair(texts().wordsCounted, words),
    ...pair(texts().bytesCounted, bytes),
  );
  if (top.length === 0) return [totals];
  const figure = document.createElement("figure");
  const rows = top.slice(0, BARS).map(({ word, count }) => ({
    name: shortened(word),
    value: count,
    label: inWords(count),
  }));
  figure.append(barChart(rows, texts().barsOf(rows.length)));
  return [totals, figure, wordTable(top, words)];
}

function pair(name, number) {
  const term = document.createElement("dt");
  term.textContent = name;
  const value = document.createElement("dd");
  value.textContent = inWords(number);
  const group = document.createElement("div");
  group.append(term, value);
  return [group];
}

// By characters as people see them, as far as code points are.
function shortened(word) {
  const letters = [...word.slice(0, 4 * LETTERS)];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS).join("")}…` : word;
}
