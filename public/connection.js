import { Backoff } from "./backoff.js";
import { describeClose, shouldReturn } from "./close-codes.js";

/** A handshake that has not been answered by then is given up and tried again. */
const HANDSHAKE_MS = 10_000;

/** Only a connection that lasted this long makes the next wait short again. */
const STABLE_MS = 5_000;

/** Above this many bytes that the network has not taken yet, `send` refuses. */
const SEND_BUFFER = 1024 * 1024;

/**
 * A WebSocket that returns by itself after an interruption.
 *
 * `state` is one of `idle` (never opened), `connecting` (the first attempt), `open`, `interrupted` (lost, and being
 * regained) and `closed` (the server asked not to come back).
 *
 * Events: `state`, and `message` whose `data` is the text.
 */
export class Connection extends EventTarget {
  #path;
  #socket = null;
  #state = "idle";
  #reason = "";
  #backoff = new Backoff();
  #retry = 0;
  #handshake = 0;
  #stable = 0;

  /** @param {string} path relative to the page, such as `ws/` */
  constructor(path) {
    super();
    this.#path = path;
    // `online` only brings the next attempt forward. `navigator.onLine` is not asked: it is false
    // on a machine without a network, where a server on the same machine still answers.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
  }

  get state() {
    return this.#state;
  }

  /** Why the connection is `closed`, as a sentence; otherwise empty. */
  get reason() {
    return this.#reason;
  }

  /** The address, on the page's own host and as secure as the page is. */
  get url() {
    const url = new URL(this.#path, document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    return url.href;
  }

  /** Connects now, also when it was closed or is waiting for its next attempt. */
  open() {
    if (this.#state === "open") return;
    if (this.#state !== "interrupted") this.#change("connecting");
    this.#backoff.reset();
    this.#attempt();
  }

  /** Leaves the server's `path` for another one. */
  move(path) {
    this.#path = path;
    this.#change("connecting");
    this.#backoff.reset();
    this.#attempt();
  }

  /**
   * Hands `text` to the network.
   * @returns {boolean} false when it was not taken, and the caller still owns it
   */
  send(text) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > SEND_BUFFER) return false;
    socket.send(text);
    return true;
  }

  #hurry() {
    const waiting = this.#state === "interrupted" && this.#socket === null;
    if (waiting) this.#attempt();
  }

  #attempt() {
    this.#forget();
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#handshake = setTimeout(() => socket.close(), HANDSHAKE_MS);

    // A socket that was replaced may still report; nothing it says counts any more.
    const current = (listener) => (event) => {
      if (this.#socket === socket) listener(event);
    };
    socket.addEventListener(
      "open",
      current(() => this.#opened()),
    );
    socket.addEventListener(
      "close",
      current((event) => this.#lost(event)),
    );
    socket.addEventListener(
      "message",
      current(({ data }) => {
        // Both demos speak text; a binary message has nothing that could be shown.
        if (typeof data === "string") this.dispatchEvent(new MessageEvent("message", { data }));
      }),
    );
  }

  #opened() {
    clearTimeout(this.#handshake);
    this.#stable = setTimeout(() => this.#backoff.reset(), STABLE_MS);
    this.#change("open");
  }

  #lost({ code, reason }) {
    this.#forget();
    if (shouldReturn(code)) {
      this.#retry = setTimeout(() => this.#attempt(), this.#backoff.next());
      this.#change("interrupted");
    } else {
      this.#change("closed", describeClose(code, reason));
    }
  }

  #forget() {
    clearTimeout(this.#retry);
    clearTimeout(this.#handshake);
    clearTimeout(this.#stable);
    this.#socket?.close();
    this.#socket = null;
  }

  #change(state, reason = "") {
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.dispatchEvent(new Event("state"));
  }
}
