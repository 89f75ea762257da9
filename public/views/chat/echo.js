import { Connection } from "../../page/connection.js";
import { Demo } from "../../page/demo.js";
import { inText, texts } from "../../page/texts.js";
import { History } from "./history.js";
import { whyTooLong } from "./text-limit.js";

/** How many texts may wait for their answers. */
const LIMIT = 50;

/** @typedef {import("./history.js").Entry} Entry */

/**
 * The echo: the server answers each message, and nobody else sees it. The answers come in the order
 * of the texts; a text that stays without one shows, and can be sent again.
 */
export class Echo extends Demo {
  history = new History();
  /** Texts that were sent and not answered, as they show when the answer is overdue. */
  #owed = /** @type {Set<Entry>} */ (new Set());
  #failed = /** @type {Set<Entry>} */ (new Set());

  constructor() {
    super({
      name: "echo",
      connection: new Connection(() => "ws/"),
    });
    this.onText((data) => this.#answered(data));
    this.connection.addEventListener("condition", () => this.#overdue());
    this.connection.addEventListener("state", () => this.#lost());
    addEventListener("beforeunload", (event) => {
      if (this.#owed.size + this.#failed.size > 0) event.preventDefault();
    });
  }

  /**
   * @param {string} text
   * @returns {string} why the text was not taken; empty when it was
   */
  send(text) {
    const refusal = whyTooLong(text) || (this.#owed.size < LIMIT ? "" : texts().tooManyOwed(LIMIT));
    if (refusal !== "") return refusal;
    /** @type {Entry} */
    const entry = { from: "me", text, at: new Date().toISOString(), state: "sending" };
    return this.#post(entry) ? "" : texts().notSent;
  }

  /**
   * Sends a text again that was not answered.
   *
   * @param {Entry} entry
   */
  retry(entry) {
    if (this.connection.state === "closed") this.connection.open();
    if (!this.#post(entry)) return;
    this.#failed.delete(entry);
    this.history.change(entry, { state: "sending", reason: "" });
    this.emit("change");
  }

  /**
   * Gives up a text that was not answered.
   *
   * @param {Entry} entry
   */
  discard(entry) {
    this.#failed.delete(entry);
    this.history.drop(entry);
    this.emit("change");
  }

  /** @param {Entry} entry */
  #post(entry) {
    if (!this.connection.send(inText(entry.text))) return false;
    this.#owed.add(entry);
    this.connection.expect();
    return true;
  }

  /** @param {string} text */
  #answered(text) {
    const [entry] = this.#owed;
    if (entry) {
      this.#owed.delete(entry);
      this.history.drop(entry);
    }
    this.history.add({ text, from: "others" });
    if (this.#owed.size > 0) this.connection.expect();
    this.emit("change");
    this.emit("news");
  }

  #overdue() {
    if (this.connection.condition !== "silent") return;
    for (const entry of this.#owed) this.history.wait(entry);
    this.emit("change");
  }

  #lost() {
    if (this.connection.state === "open" || this.#owed.size === 0) return;
    for (const entry of this.#owed) {
      this.#failed.add(entry);
      this.history.wait(entry);
      this.history.change(entry, { state: "failed", reason: () => texts().notAnswered });
    }
    this.#owed.clear();
    this.emit("change");
  }
}
