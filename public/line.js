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
  line.dir = "auto";
  if (entry.at === undefined) {
    line.textContent = entry.text;
    return line;
  }
  if (entry.who !== undefined) line.append(part("who", entry.who));
  line.append(part("text", entry.text), part("meta"));
  updateLine(line, entry);
  return line;
}

/** Draws again what may change: the state of an own message, the words of a notice. */
export function updateLine(line, entry) {
  if (entry.at === undefined) {
    line.textContent = entry.text;
    return;
  }
  const { state } = entry;
  if (state !== undefined) line.dataset.state = state;
  line.querySelector(".meta").replaceChildren(...metaOf(entry));
  line.querySelector(".failure")?.remove();
  if (state === "failed") line.append(failureOf(entry));
}

function metaOf({ at, state }) {
  const date = new Date(at);
  const time = document.createElement("time");
  time.dateTime = at;
  time.title = calendar.format(date);
  time.textContent = clock.format(date);
  return state === undefined ? [time] : [time, " ", part("mark", STATES[state])];
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
