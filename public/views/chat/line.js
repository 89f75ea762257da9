import { dayName, dayOf, fullTimeOf, isTime, timeOf } from "../../page/calendar.js";
import { find, span } from "../../page/element.js";
import { linked } from "../../page/links.js";
import { inText, texts } from "../../page/texts.js";

/** @typedef {import("./history.js").Entry} Entry */

/**
 * Draws an entry of a history. What others wrote is set as text, never as markup.
 *
 * @param {Entry} entry
 */
export function createLine(entry) {
  const line = document.createElement("li");
  line.dataset.from = entry.from;
  if (entry.from === "notice") {
    updateLine(line, entry);
    return line;
  }
  if (entry.who !== undefined) line.append(span("who", entry.who));
  line.append(textOf(entry));
  if (hasMeta(entry)) {
    const meta = span("meta");
    // Or the message would be read out again each time its state changes.
    meta.ariaLive = "off";
    line.append(meta);
  }
  updateLine(line, entry);
  return line;
}

/**
 * Draws again what may change: the state of an own message, the words of a notice.
 *
 * @param {HTMLElement} line
 * @param {Entry} entry
 */
export function updateLine(line, entry) {
  if (entry.from === "notice") {
    line.textContent = inText(entry.text);
    return;
  }
  if (!hasMeta(entry)) return;
  const { state } = entry;
  if (state !== undefined) line.dataset.state = state;
  const date = dateOf(entry.at);
  if (isTime(date)) line.dataset.day = dayOf(date);
  find(".meta", HTMLElement, line).replaceChildren(...metaOf(entry));
  line.querySelector(".failure")?.remove();
  if (state === "failed") line.append(failureOf(entry));
}

// Only the text is written in a direction of its own, that of its first letter.
/** @param {Entry} entry */
function textOf({ text }) {
  const element = span("text");
  element.dir = "auto";
  element.append(...linked(inText(text)));
  return element;
}

// Answers of the echo are as the tutorial's: nothing but their text.
/** @param {Entry} entry */
function hasMeta({ at, state }) {
  return at !== undefined || state !== undefined;
}

/**
 * Says above each line where another day begins, and nothing above the others. A list of today
 * alone says nothing.
 *
 * @param {Iterable<Element>} lines from the oldest on
 */
export function separateDays(lines) {
  const now = new Date();
  let before = dayOf(now);
  for (const line of lines) {
    if (!(line instanceof HTMLElement)) continue;
    const { day } = line.dataset;
    if (day === undefined) continue;
    nameDay(
      line,
      day === before ? "" : dayName(new Date(find("time", HTMLTimeElement, line).dateTime)),
    );
    before = day;
  }
}

// In the line it belongs to: what is removed or moved takes its day along.
/**
 * @param {HTMLElement} line
 * @param {string} text
 */
function nameDay(line, text) {
  /** @type {HTMLElement | null} */
  let name = line.querySelector(":scope > .day");
  if ((name?.textContent ?? "") === text) return;
  if (text === "") return name?.remove();
  if (name === null) {
    name = span("day");
    // It has no say in where the text of the message begins.
    name.dir = "ltr";
    name.ariaLive = "off";
    line.prepend(name);
  }
  name.textContent = text;
}

/** @param {Entry} entry */
function metaOf({ at, state }) {
  const date = dateOf(at);
  const mark = state === undefined ? [] : [span("mark", texts()[state])];
  if (!isTime(date)) return mark;
  const time = document.createElement("time");
  time.dateTime = date.toISOString();
  time.title = fullTimeOf(date);
  time.textContent = timeOf(date);
  return [time, ...mark.flatMap((it) => [" ", it])];
}

// What a server says of time may be anything; what is no text is no time.
/** @param {unknown} at */
function dateOf(at) {
  return new Date(typeof at === "string" ? at : Number.NaN);
}

/** @param {Entry} entry */
function failureOf({ reason = "" }) {
  const failure = span("failure");
  failure.append(span("reason", inText(reason)), button("retry"), button("discard"));
  return failure;
}

/** @param {"retry" | "discard"} action */
function button(action) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "quiet";
  element.dataset.action = action;
  element.textContent = texts()[action];
  return element;
}
