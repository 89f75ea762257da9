const NAMES = {
  idle: "Not connected",
  connecting: "Connecting",
  open: "Connected",
  interrupted: "Reconnecting",
  closed: "Closed",
};

/** A connection's state in one word. */
export function stateName(state) {
  return NAMES[state];
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
    this.#line.dataset.state = state;
    const text = sentence(connection);
    // Writing the same words again would make a screen reader say them again.
    if (this.#text.textContent !== text) this.#text.textContent = text;

    const focused = document.activeElement === this.#button;
    this.#button.hidden = !reachable || (state !== "interrupted" && state !== "closed");
    this.#button.textContent = state === "closed" ? "Connect again" : "Try now";
    if (this.#button.hidden && focused) this.#gone();
  }
}

function sentence({ state, reason, url }) {
  const { pathname } = new URL(url);
  switch (state) {
    case "connecting":
      return `Connecting to ${pathname}`;
    case "open":
      return `Connected to ${pathname}`;
    case "interrupted":
      return "Connection lost. Reconnecting by itself.";
    case "closed":
      return reason;
    default:
      return "";
  }
}
