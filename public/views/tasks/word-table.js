import { inWords, shareOf } from "../../page/numbers.js";
import { texts } from "../../page/texts.js";

/** @typedef {import("./word-result.js").Count} Count */

/**
 * The most frequent words as a table, in a box that scrolls.
 *
 * @param {Count[]} top
 * @param {number} words how many there are in all
 */
export function wordTable(top, words) {
  const table = document.createElement("table");
  const caption = table.createCaption();
  caption.textContent = texts().mostFrequent(top.length);
  const head = table.createTHead().insertRow();
  const { word, count, share } = texts();
  head.append(...[word, count, share].map((text) => cell("th", text, { scope: "col" })));
  table.createTBody().append(...top.map((entry) => rowOf(entry, words)));
  const box = document.createElement("div");
  box.className = "table";
  // Without a place in the tab order, nobody could scroll it from the keyboard.
  box.tabIndex = 0;
  // No landmark: there is one for each result that is unfolded.
  box.role = "group";
  box.ariaLabel = caption.textContent;
  box.append(table);
  return box;
}

/**
 * @param {Count} entry
 * @param {number} words how many there are in all
 */
function rowOf({ word, count }, words) {
  const row = document.createElement("tr");
  row.append(
    cell("th", word, { scope: "row", dir: "auto" }),
    cell("td", inWords(count)),
    cell("td", shareOf(count, words)),
  );
  return row;
}

/**
 * @param {"th" | "td"} name
 * @param {string} text
 * @param {Partial<HTMLTableCellElement>} properties
 */
function cell(name, text, properties = {}) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.textContent = text;
  return made;
}
