import { inWords } from "../../page/numbers.js";
import { fieldsOf } from "../../page/position.js";
import { texts } from "../../page/texts.js";
import { barChart } from "./bar-chart.js";
import { wordTable } from "./word-table.js";

const BARS = 10;
/** Of a word; the table has it whole. */
const LETTERS = 12;

/** @typedef {{ word: string, count: number }} Count */
/** @typedef {{ lines: number, words: number, bytes: number, top: Count[] }} WordResult */

/**
 * Whether a task's result is what this page can show; a server may keep none that is too long.
 *
 * @param {unknown} result
 * @returns {result is WordResult}
 */
export function isWordResult(result) {
  const { lines, words, bytes, top } = fieldsOf(result);
  return [lines, words, bytes].every(Number.isFinite) && Array.isArray(top) && top.every(isCount);
}

/** @param {unknown} value */
function isCount(value) {
  const { word, count } = fieldsOf(value);
  return typeof word === "string" && Number.isFinite(count);
}

/**
 * What was counted, in two words.
 *
 * @param {WordResult} result
 */
export function summaryOf({ words }) {
  return texts().words(words);
}

/**
 * What was counted: the totals, the first words as a bar chart, and all that were sent as a table.
 *
 * @param {WordResult} result
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

/**
 * @param {string} name
 * @param {number} number
 */
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
/** @param {string} word */
function shortened(word) {
  const letters = [...word.slice(0, 4 * LETTERS)];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS).join("")}…` : word;
}
