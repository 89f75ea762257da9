import { windowKept } from "../../page/kept.js";
import { texts } from "../../page/texts.js";
import { whyTooLong } from "./text-limit.js";

/** How many messages may wait for their acknowledgement. The server takes 500 at once. */
const LIMIT = 50;

/** Stands before the keys of all outboxes. */
const PREFIX = "outbox ";

/** @typedef {import("./history.js").Entry} Entry */

/**
 * A message on its way.
 *
 * @typedef {object} Letter
 * @property {string} id its own for ever, so that the server knows it when it comes again
 * @property {string} text
 * @property {boolean} posted whether this connection has taken it
 * @property {Entry} entry how it shows
 * @property {string} epoch in which it was seen among the room's messages; empty before
 */

/**
 * The messages that the server has not acknowledged. They survive a reload, within this window, and
 * are bounded: what does not fit is refused, never dropped.
 */
export class Outbox {
  /** @type {Map<string, Letter>} */
  #letters = new Map();
  #key;

  /** @param {string} key tells the outboxes of a window apart */
  constructor(key) {
    this.#key = PREFIX + key;
    for (const [id, text] of windowKept.read(this.#key, areLetters) ?? []) this.#put(id, text);
  }

  /** Whether any outbox of this window has letters, of rooms that were left too. */
  static get anyWaits() {
    return windowKept
      .keys(PREFIX)
      .some((key) => (windowKept.read(key, areLetters) ?? []).length > 0);
  }

  /** @returns {Letter[]} in the order they were written */
  get letters() {
    return [...this.#letters.values()];
  }

  get size() {
    return this.#letters.size;
  }

  get full() {
    return this.size >= LIMIT;
  }

  /**
   * Why `text` cannot be taken; empty when it can.
   *
   * @param {string} text
   */
  refusal(text) {
    if (this.full) return texts().outboxFull(LIMIT);
    return whyTooLong(say(newId(), text));
  }

  /**
   * @param {string} text
   * @returns {Letter}
   */
  add(text) {
    const letter = this.#put(newId(), text);
    this.#save();
    return letter;
  }

  /**
   * @param {string} id
   * @returns {Letter | undefined}
   */
  get(id) {
    return this.#letters.get(id);
  }

  /**
   * The first letter with this text that was not seen in this epoch of the room.
   *
   * @param {string} text
   * @param {string} epoch
   */
  unseen(text, epoch) {
    return this.letters.find((letter) => letter.epoch !== epoch && letter.text === text);
  }

  /**
   * The letter that an entry shows.
   *
   * @param {Entry} entry
   */
  of(entry) {
    return this.letters.find((letter) => letter.entry === entry);
  }

  /**
   * Takes a letter out: it was acknowledged, or given up.
   *
   * @param {Letter} letter
   */
  remove(letter) {
    this.#letters.delete(letter.id);
    this.#save();
  }

  /**
   * Gives a letter another id, for one that the server will never take.
   *
   * @param {Letter} letter
   */
  renew(letter) {
    this.#letters.delete(letter.id);
    letter.id = newId();
    this.#letters.set(letter.id, letter);
    this.#save();
  }

  /**
   * Hands all letters that are on their way and that this connection has not taken to `send`, in
   * order, until it takes no more.
   * @param {(text: string) => boolean} send
   */
  post(send) {
    for (const letter of this.#letters.values()) {
      if (letter.entry.state !== "sending" || letter.posted) continue;
      if (!send(say(letter.id, letter.text))) return;
      letter.posted = true;
    }
  }

  /** Whether the connection has letters that it owes an answer for. */
  get owed() {
    return this.letters.some(({ posted, entry }) => posted && entry.state === "sending");
  }

  /** Another connection: none of the letters was handed to it. */
  recall() {
    for (const letter of this.#letters.values()) letter.posted = false;
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  #put(id, text) {
    /** @type {Entry} */
    const entry = { from: "me", text, at: new Date().toISOString(), state: "sending" };
    /** @type {Letter} */
    const letter = { id, text, posted: false, entry, epoch: "" };
    this.#letters.set(id, letter);
    return letter;
  }

  #save() {
    const all = this.letters.map(({ id, text }) => [id, text]);
    if (all.length === 0) windowKept.remove(this.#key);
    else windowKept.write(this.#key, all);
  }
}

/**
 * @param {string} id
 * @param {string} text
 */
function say(id, text) {
  /** @type {import("./chat-v1.js").Say} */
  const message = { type: "say", id, text };
  return JSON.stringify(message);
}

// `crypto.randomUUID` exists in secure contexts only, and a page on a local network is none.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * @param {unknown} value
 * @returns {value is [id: string, text: string][]}
 */
function areLetters(value) {
  return Array.isArray(value) && value.every(isLetter);
}

/** @param {unknown} value */
function isLetter(value) {
  return Array.isArray(value) && value.length === 2 && value.every((it) => typeof it === "string");
}
