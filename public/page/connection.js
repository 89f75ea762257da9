import PartySocket, { CloseEvent as OwnCloseEvent } from "../vendor/partysocket/ws.js";
import { Backoff } from "./backoff.js";
import { leastWait, shouldReturn } from "./close-codes.js";
import { describeClose } from "./close-sentence.js";
import { listenToNetwork, socketUrl } from "./network.js";
import { Pulse } from "./pulse.js";
import { inText } from "./texts.js";

/** A handshake that has not been answered by then is given up and tried again. */
const HANDSHAKE_MS = 10_000;

/** Only a connection that lasted this long makes the next wait short again. */
const STABLE_MS = 5_000;

/** What a server that can be asked for a sign of life is asked with. */
export const PING = JSON.stringify({ type: "ping" });

/** Above this many bytes that the network has not taken yet, `send` refuses. */
const SEND_BUFFER = 1024 * 1024;

/** @typedef {"idle" | "connecting" | "open" | "interrupted" | "closed"} State */

/**
 * A WebSocket that returns by itself after an interruption, by partysocket. When it returns is
 * decided here: close codes are obeyed, and the waits have full jitter, which partysocket's do not.
 *
 * `state` is one of `idle` (never opened), `connecting` (the first attempt), `open`, `interrupted`
 * (lost, and being regained) and `closed` (the server asked not to come back).
 *
 * A server that understands it is asked for signs of life, see `Pulse`; whoever waits for an answer
 * of another one says so with `expect`.
 *
 * Events: `state`, `condition` when only what `condition` says has changed, and `message` whose
 * `data` is the text.
 */
export class Connection extends EventTarget {
  #address;
  #protocols;
  /** @type {PartySocket | null} */
  #socket = null;
  /** @type {State} */
  #state = "idle";
  /** @type {import("./texts.js").Said} */
  #reason = "";
  #backoff = new Backoff();
  #openedAt = Number.POSITIVE_INFINITY;
  #ping;
  #pulse = new Pulse({
    ask: () => this.#ping !== undefined && this.send(this.#ping),
    changed: () => this.#tell(),
    lost: () => this.renew(),
  });
  /** Whether the browser said that it has no network, and when, for a connection that was open. */
  #offline = false;
  #heardOffline = false;

  /**
   * @param {() => string} address relative to the page, such as `ws/`; asked at each attempt
   * @param {object} [speaks]
   * @param {string[]} [speaks.protocols] subprotocols to offer
   * @param {string} [speaks.ping] what the server answers with a sign of life; without it, only
   *   answers that are owed tell that a connection is dead
   */
  constructor(address, { protocols, ping } = {}) {
    super();
    this.#address = address;
    this.#protocols = protocols;
    this.#ping = ping;
    listenToNetwork({
      lost: () => this.#wentOffline(),
      woken: () => this.#wake(),
      seen: () => {
        this.#hurry();
        if (this.#state === "open") this.#pulse.check();
      },
    });
  }

  get state() {
    return this.#state;
  }

  /**
   * What is known of it beyond `state`: an `open` one is `offline` when the browser has lost its
   * network since, `silent` when an answer is overdue, and `local` when it answers without a network.
   */
  get condition() {
    if (this.#state !== "open") return this.#state;
    if (this.#offline) return this.#heardOffline ? "local" : "offline";
    return this.#pulse.doubtful ? "silent" : "open";
  }

  /** Why the connection is `closed`, as a sentence (see `inText`); otherwise empty. */
  get reason() {
    return this.#reason;
  }

  /** The address, on the page's own host and as secure as the page is. */
  get url() {
    return socketUrl(this.#address());
  }

  /** Connects now, also when it was closed or is waiting for its next attempt. */
  open() {
    if (this.#state === "open") return;
    if (this.#state !== "interrupted") this.#change("connecting");
    this.#backoff.reset();
    this.#connect();
  }

  /** Leaves for what `address` says now. */
  move() {
    this.#change("connecting");
    this.#backoff.reset();
    this.#connect();
  }

  /** Waits for an answer that the server owes; a connection on which nothing comes is given up. */
  expect() {
    if (this.#state === "open") this.#pulse.expect();
  }

  /** Gives up a connection that is open and silent, for a new one. */
  renew() {
    this.#change("interrupted");
    this.#connect();
  }

  /** @param {import("./texts.js").Said} reason why it ends, until `open` or `move` */
  close(reason) {
    this.#forget();
    this.#change("closed", reason);
  }

  /**
   * Hands `text` to the network.
   *
   * @param {string} text
   * @returns {boolean} false when it was not taken, and the caller still owns it
   */
  send(text) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > SEND_BUFFER) return false;
    return socket.send(text);
  }

  // A page that slept, or whose network is another one now: what looks open may be dead.
  #wake() {
    this.#offline = false;
    this.#hurry();
    if (this.#state !== "open") return;
    this.#tell();
    if (!this.#pulse.check()) this.renew();
  }

  // Without a network, a server on the same machine still answers.
  #wentOffline() {
    this.#offline = true;
    this.#heardOffline = false;
    if (this.#state === "open") this.#pulse.check();
    this.#tell();
  }

  #hurry() {
    if (this.#state === "interrupted" && this.#socket?.readyState !== WebSocket.CONNECTING) {
      this.#connect();
    }
  }

  // A new partysocket for each attempt that does not wait: one that is waiting cannot be hurried.
  #connect() {
    this.#forget();
    // Read again at each attempt, so `#lost` decides how long partysocket waits.
    /** @type {import("partysocket/ws").Options} */
    const options = {
      maxEnqueuedMessages: 0,
      connectionTimeout: HANDSHAKE_MS,
      reconnectionDelayGrowFactor: 1,
      shouldReconnectOnClose: (event) => {
        if (this.#socket !== socket) return false;
        const wait = this.#lost(event);
        options.minReconnectionDelay = wait;
        options.maxReconnectionDelay = wait;
        return this.#socket === socket && this.#state === "interrupted";
      },
    };
    const socket = new PartySocket(() => this.url, this.#protocols, options);
    socket.onopen = () => {
      this.#openedAt = performance.now();
      this.#offline = false;
      this.#pulse.begin();
      this.#change("open");
    };
    socket.onmessage = (/** @type {MessageEvent<unknown>} */ { data }) => {
      this.#heard();
      // The demos speak text; a binary message has nothing that could be shown.
      if (typeof data === "string") this.dispatchEvent(new MessageEvent("message", { data }));
    };
    this.#socket = socket;
  }

  // Says how long to wait for the next attempt, if there is one.
  /** @param {{ code: number, reason: string }} event */
  #lost(event) {
    // An attempt that failed has an event of partysocket's own, which says 1000.
    const code = event instanceof OwnCloseEvent ? 1006 : event.code;
    if (performance.now() - this.#openedAt >= STABLE_MS) this.#backoff.reset();
    this.#openedAt = Number.POSITIVE_INFINITY;
    if (!shouldReturn(code)) {
      this.#change("closed", () => describeClose(code, event.reason));
      return 0;
    }
    const wait = leastWait(code) + this.#backoff.next();
    this.#change("interrupted");
    return wait;
  }

  #heard() {
    this.#pulse.heard();
    if (!this.#offline || this.#heardOffline) return;
    this.#heardOffline = true;
    this.#tell();
  }

  #forget() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.close();
  }

  /**
   * @param {State} state
   * @param {import("./texts.js").Said} reason
   */
  #change(state, reason = "") {
    if (state === this.#state && inText(reason) === inText(this.#reason)) return;
    this.#state = state;
    this.#reason = reason;
    if (state !== "open") this.#pulse.end();
    this.dispatchEvent(new Event("state"));
  }

  #tell() {
    this.dispatchEvent(new Event("condition"));
  }
}
