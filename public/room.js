import { loadClientId, saveClientId } from "./client-id.js";
import { Demo } from "./demo.js";

/** The room: everyone who has it open reads what everyone writes. */
export class Room extends Demo {
  #id;

  constructor() {
    const id = loadClientId();
    super({
      name: "room",
      title: "Room",
      summary: "Everyone here reads every message. Open a second window to talk to yourself.",
      emptyText: "Nobody has said anything since you came.",
      path: pathOf(id),
      classify: (text) => this.#classify(text),
    });
    this.#id = id;
  }

  get id() {
    return this.#id;
  }

  /** Comes back as `id`. */
  rename(id) {
    if (id === this.#id) return;
    this.#id = id;
    saveClientId(id);
    this.connection.move(pathOf(id));
  }

  #classify(text) {
    if (text.startsWith("You wrote: ") || text.startsWith(`Client #${this.#id} says: `))
      return "me";
    return /^Client #[A-Za-z0-9_-]{1,64} left the chat$/.test(text) ? "notice" : "others";
  }
}

function pathOf(id) {
  return `chat/${encodeURIComponent(id)}`;
}
