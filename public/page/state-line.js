import { decoded } from "./names.js";

const NAMES = {
  idle: "Not connected",
  connecting: "Connecting",
  open: "Connected",
  local: "Answering",
  silent: "No answer",
  offline: "Offline",
  interrupted: "Reconnecting",
  closed: "Closed",
};

const OFFLINE = "This browser is offline.";

const SENTENCES = {
  idle: () => "",
  connecting: ({ place }) => `Connecting to ${place}`,
  open: ({ place }) => `Connected to ${place}`,
  local: ({ place }) => `${OFFLINE} The server at ${place} answers all the same.`,
  silent: () => "The server does not answer. Waiting a little before connecting anew.",
  offline: () => `${OFFLINE} Nothing new can come.`,
  interrupted: ({ isOffline }) =>
    isOffline ? `${OFFLINE} Reconnecting by itself.` : "Connection lost. Reconnecting by itself.",
  closed: ({ reason }) => reason,
};

/** A connection's condition in one or two words. */
export function stateName({ condition }) {
  return NAMES[condition];
}

/** Which dot a connection has: only one that is known to work has that of `open`. */
export function dotOf({ condition }) {
  return condition === "local" ? "open" : condition;
}

/** The line that says how the shown demo is connected, with a button to connect at once. */
export class StateLine {
  #line = document.querySelector("#state");
  #text = document.querySelector("#stateText");
  #button = document.querySelector("#reconnect");
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
    this.#button.textContent = state === "closed" ? "Connect again" : "Try now";
    if (this.#button.hidden && focused) this.#gone();
  }
}

function sentence({ condition, reason, url }) {
  const place = decoded(new URL(url).pathname);
  return SENTENCES[condition]({ place, reason, isOffline: !navigator.onLine });
}
