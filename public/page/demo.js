import { typeOf } from "./message-type.js";
import { texts } from "./texts.js";

/**
 * One conversation with the server: its connection, and what was said in it, which a demo has as
 * `history`. A demo has `send(text)` too, which says why a text was not taken, or nothing, and
 * `retry(entry)` and `discard(entry)` for a message that failed.
 *
 * Events: `state` when the connection or what `ready` says changes, `change` when the history
 * does, `news` when somebody else said something that was not there before, `outdated` when the
 * server said something that the protocol of this page does not have.
 */
export class Demo extends EventTarget {
  /** How many messages arrived while nobody saw them. */
  unread = 0;

  /**
   * @param {object} about
   * @param {"echo" | "room" | "tasks"} about.name the part after `#` in the address; its texts begin with it
   * @param {import("./connection.js").Connection} about.connection
   */
  constructor({ name, connection }) {
    super();
    this.name = name;
    this.connection = connection;
    for (const type of ["state", "condition"]) {
      connection.addEventListener(type, () => this.emit("state"));
    }
  }

  /** What it is called. */
  get title() {
    return texts()[`${this.name}Title`];
  }

  /** What it is, in a sentence or two. */
  get summary() {
    return texts()[`${this.name}Summary`];
  }

  /** What the list says before the first message. */
  get emptyText() {
    return texts()[`${this.name}Empty`];
  }

  /** What the page is called while this demo is shown. */
  get heading() {
    return this.title;
  }

  /**
   * The part after `#` that leads here.
   *
   * @returns {string}
   */
  get place() {
    return this.name;
  }

  /** Whether there is something that one could connect to. */
  get reachable() {
    return true;
  }

  /** Whether a message would be taken now. */
  get ready() {
    return this.connection.state === "open";
  }

  /** Whether what arrives was there before, and so is no news to who listens. */
  get replaying() {
    return false;
  }

  /**
   * Is shown, at the rest of the address. Only what somebody looked at connects.
   *
   * @param {string} _rest
   */
  visit(_rest) {
    if (this.connection.state === "idle") this.connection.open();
  }

  /**
   * Calls `listener` with each text that the server says.
   *
   * @param {(text: string) => void} listener
   */
  onText(listener) {
    this.connection.addEventListener("message", (event) => {
      if (event instanceof MessageEvent) listener(event.data);
    });
  }

  /**
   * Tells of a text that this page cannot make sense of, when it is a message of a newer protocol.
   *
   * @param {string} text
   * @param {readonly string[]} known the types of message that the page's protocol has
   */
  doubt(text, known) {
    const type = typeOf(text);
    if (type !== undefined && !known.includes(type)) this.emit("outdated");
  }

  /** @param {string} type */
  emit(type) {
    this.dispatchEvent(new Event(type));
  }
}
