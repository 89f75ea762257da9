import { Connection } from "./connection.js";
import { History } from "./history.js";

/**
 * One conversation with the server: its connection and what was said in it.
 *
 * Events: `state` and `message`, both once the demo itself is up to date.
 */
export class Demo extends EventTarget {
  /** The text that was typed and not sent. */
  draft = "";
  /** How many messages arrived while another demo was shown. */
  unread = 0;
  history = new History();

  /**
   * @param {object} about
   * @param {string} about.name the part after `#` in the address
   * @param {string} about.title
   * @param {string} about.summary
   * @param {string} about.emptyText what the list says before the first message
   * @param {string} about.path relative to the page
   * @param {(text: string) => "me" | "others" | "notice"} about.classify
   */
  constructor({ name, title, summary, emptyText, path, classify }) {
    super();
    this.name = name;
    this.title = title;
    this.summary = summary;
    this.emptyText = emptyText;
    this.connection = new Connection(path);
    this.connection.addEventListener("state", () => this.dispatchEvent(new Event("state")));
    this.connection.addEventListener("message", ({ data }) => {
      this.history.add({ text: data, from: classify(data) });
      this.dispatchEvent(new Event("message"));
    });
  }
}
