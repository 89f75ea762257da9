import { Connection } from "./connection.js";
import { Demo } from "./demo.js";
import { History } from "./history.js";

/** The echo: the server answers each message, and nobody else sees it. */
export class Echo extends Demo {
  history = new History();

  constructor() {
    super({
      name: "echo",
      title: "Echo",
      summary: "The server answers every message with the same text.",
      emptyText: "Nothing yet. Write something and the server will repeat it.",
      connection: new Connection(() => "ws/"),
    });
    this.connection.addEventListener("message", ({ data }) => {
      this.history.add({ text: data, from: "others" });
      this.emit("change");
      this.emit("news");
    });
  }

  /** @returns {string} why the text was not taken; empty when it was */
  send(text) {
    if (this.connection.send(text)) return "";
    return "Not sent. Your message stays here until you send it again.";
  }
}
