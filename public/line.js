import { linked } from "./links.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const STATES = { sending: "sending", sent: "sent", failed: "not sent" };

/**
 * Draws an entry of a history. What others wrote is set as text, never as markup.
 *
 * @param {import("./history.js").Entry} entry
 */
export function createLine(entry) {
  const line = document.createElement("li");
  line.dataset.from = entry.from;
  if (entry.from === "notice") {
    line.textContent = entry.text;
    return line;
  }
  if (entry.who !== undefined) line.append(part("who", entry.who));
  line.append(textOf(entry));
  if (hasMeta(entry)) line.append(part("meta"));
  updateLine(line, entry);
  return line;
}

/** Draws again what may change: the state of an own message, the words of a notice. */
export function updateLine(line, entry) {
  if (entry.from === "notice") {
    line.textContent = entry.text;
    return;
  }
  if (!hasMeta(entry)) return;
  const { state } = entry;
  if (state !== undefined) line.dataset.state = state;
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

function metaOf({ at, state }) {
  const parts = [];
  const time = timeOf(at);
  if (time) parts.push(time, " ");
  if (state !== undefined) parts.push(part("mark", STATES[state]));
  return parts;
}

/** When something was said; nothing where the server's word for it is no time. */
function timeOf(at) {
  const date = new Date(typeof at === "string" ? at : Number.NaN);
  if (Number.isNaN(date.getTime())) return undefined;
  const time = document.createElement("time");
  time.dateTime = date.toISOString();
  time.title = calendar.format(date);
  time.textContent = clock.format(date);
  return time;
}

function failureOf({ reason }) {
  const failure = part("failure");
  failure.append(part("reason", reason), button("retry", "Retry"), button("discard", "Discard"));
  return failure;
}

function button(action, text) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "quiet";
  element.dataset.action = action;
  element.textContent = text;
  return element;
}

function part(className, text = "") {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}
