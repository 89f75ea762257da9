import { find } from "./element.js";
import { decoded } from "./names.js";
import { inText, texts } from "./texts.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {{ place: string, reason: import("./texts.js").Said, isOffline: boolean }} About */

/** @type {Record<Connection["condition"], (about: About) => string>} */
const SENTENCES = {
  idle: () => "",
  connecting: ({ place }) => texts().connectingTo(place),
  open: ({ place }) => texts().connectedTo(place),
  local: ({ place }) => texts().answersOffline(place),
  silent: () => texts().silentNow,
  offline: () => texts().offlineNow,
  interrupted: ({ isOffline }) => (isOffline ? texts().lostOffline : texts().lost),
  closed: ({ reason }) => inText(reason),
};

/**
 * A connection's condition in one or two words.
 *
 * @param {Connection} connection
 */
export function stateName({ condition }) {
  return texts()[condition];
}

/**
 * Which dot a connection has: only one that is known to work has that of `open`.
 *
 * @param {Connection} connection
 */
export function dotOf({ condition }) {
  return condition === "local" ? "open" : condition;
}

/** The line that says how the shown demo is connected, with a button to connect at once. */
export class StateLine {
  #line = find("#state", HTMLElement);
  #text = find("#stateText", HTMLElement);
  #button = find("#reconnect", HTMLElement);
  #gone;

  /**
   * @param {() => void} onReconnect
   * @param {() => void} onGone the button that had the focus is gone
   */
  constructor(onReconnect, onGone) {
    this.#gone = onGone;
    this.#button.addEventListener("click", onReconnect);
  }

  /** @param {import("./demo.js").Demo} demo */
  show({ connection, reachable }) {
    const { state } = connection;
    this.#line.dataset.state = dotOf(connection);
    const text = sentence(connection);
    // Writing the same words again would make a screen reader say them again.
    if (this.#text.textContent !== text) this.#text.textContent = text;

    const focused = document.activeElement === this.#button;
    this.#button.hidden = !reachable || (state !== "interrupted" && state !== "closed");
    this.#button.textContent = state === "closed" ? texts().connectAgain : texts().tryNow;
    if (this.#button.hidden && focused) this.#gone();
  }
}

/** @param {Connection} connection */
function sentence({ condition, reason, url }) {
  const place = decoded(new URL(url).pathname);
  return SENTENCES[condition]({ place, reason, isOffline: !navigator.onLine });
}
