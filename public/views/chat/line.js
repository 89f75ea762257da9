import { dayName, dayOf, fullTimeOf, isTime, timeOf } from "../../page/calendar.js";
import { linked } from "../../page/links.js";
import { inText, texts } from "../../page/texts.js";

/**
 * Draws an entry of a history. What others wrote is set as text, never as markup.
 *
 * @param {import("./history.js").Entry} entry
 */
export function createLine(entry) {
  const line = document.createElement("li");
  line.dataset.from = entry.from;
  if (entry.from === "notice") {
    updateLine(line, entry);
    return line;
  }
  if (entry.who !== undefined) line.append(part("who", entry.who));
  line.append(textOf(entry));
  if (hasMeta(entry)) {
    const meta = part("meta");
    // Or the message would be read out again each time its state changes.
    meta.ariaLive = "off";
    line.append(meta);
  }
  updateLine(line, entry);
  return line;
}

/** Draws again what may change: the state of an own message, the words of a notice. */
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
  line.querySelector(".meta").replaceChildren(...metaOf(entry));
  line.querySelector(".failure")?.remove();
  if (state === "failed") line.append(failureOf(entry));
}

// Only the text is written in a direction of its own, that of its first letter.
function textOf({ text }) {
  const element = part("text");
  element.dir = "auto";
  element.append(...linked(text));
  return element;
}

// Answers of the echo are as the tutorial's: nothing but their text.
function hasMeta({ at, state }) {
  return at !== undefined || state !== undefined;
}

/**
 * Says above each line where another day begins, and nothing above the others. A list of today
 * alone says nothing.
 *
 * @param {Iterable<HTMLElement>} lines from the oldest on
 */
export function separateDays(lines) {
  const now = new Date();
  let before = dayOf(now);
  for (const line of lines) {
    const { day } = line.dataset;
    if (day === undefined) continue;
    nameDay(line, day === before ? "" : dayName(new Date(line.querySelector("time").dateTime)));
    before = day;
  }
}

// In the line it belongs to: what is removed or moved takes its day along.
function nameDay(line, text) {
  let name = line.querySelector(":scope > .day");
  if ((name?.textContent ?? "") === text) return;
  if (text === "") return name.remove();
  if (name === null) {
    name = part("day");
    // It has no say in where the text of the message begins.
    name.dir = "ltr";
    name.ariaLive = "off";
    line.prepend(name);
  }
  name.textContent = text;
}

function metaOf({ at, state }) {
  const date = dateOf(at);
  const mark = state === undefined ? [] : [part("mark", texts()[state])];
  if (!isTime(date)) return mark;
  const time = document.createElement("time");
  time.dateTime = date.toISOString();
  time.title = fullTimeOf(date);
  time.textContent = timeOf(date);
  return [time, ...mark.flatMap((it) => [" ", it])];
}

// What a server says of time may be anything; what is no text is no time.
function dateOf(at) {
  return new Date(typeof at === "string" ? at : Number.NaN);
}

function failureOf({ reason }) {
  const failure = part("failure");
  failure.append(part("reason", inText(reason)), button("retry"), button("discard"));
  return failure;
}

function button(action) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "quiet";
  element.dataset.action = action;
  element.textContent = texts()[action];
  return element;
}

function part(className, text = "") {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}
