import { texts } from "../../page/texts.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 26;
const BAR = 16;
/** In percent of the width: where the bars begin, and how long the longest is. */
const BEGIN = 34;
const LONGEST = 50;

/** @typedef {{ name: string, value: number, label: string }} Row */

/**
 * Draws horizontal bars, each with its name before it and its number behind. All widths are parts
 * of the whole, so that text keeps its size on a narrow page.
 *
 * @param {Row[]} rows none of them negative
 * @param {string} title what it shows, for those who cannot see it
 */
export function barChart(rows, title) {
  const svg = element("svg", { class: "chart", role: "img", width: "100%" });
  svg.setAttribute("height", String(rows.length * ROW));
  svg.ariaLabel = title;
  const most = Math.max(...rows.map(({ value }) => value));
  rows.forEach((row, index) => {
    svg.append(...barOf(row, index * ROW, most > 0 ? row.value / most : 0));
  });
  return svg;
}

/**
 * @param {Row} row
 * @param {number} top in pixels
 * @param {number} part 0 to 1, of the longest
 */
function barOf({ name, label }, top, part) {
  const middle = top + ROW / 2;
  const length = part * LONGEST;
  const bar = element("rect", { x: `${BEGIN}%`, width: `${length}%`, height: BAR, rx: 3 });
  bar.setAttribute("y", String(middle - BAR / 2));
  const number = element("text", { class: "value", x: `${BEGIN + length}%`, dx: 6, y: middle });
  number.textContent = label;
  const hover = element("title");
  hover.textContent = texts().labelled(name, label);
  const group = element("g");
  group.append(hover, nameOf(name, top), bar, number);
  return [group];
}

// A drawing of its own cuts off what is too long.
/**
 * @param {string} name
 * @param {number} top
 */
function nameOf(name, top) {
  const box = element("svg", { x: 0, y: top, width: `${BEGIN - 2}%`, height: ROW });
  const text = element("text", { x: 0, y: ROW / 2 });
  text.textContent = name;
  box.append(text);
  return box;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function element(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
