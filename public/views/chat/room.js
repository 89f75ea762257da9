import { Connection, PING } from "../../page/connection.js";
import { Demo } from "../../page/demo.js";
import { decoded, isName, loadName, saveName } from "../../page/names.js";
import { queryOf } from "../../page/position.js";
import { texts } from "../../page/texts.js";
import { readMessage, TYPES } from "./chat-v1.js";
import { History } from "./history.js";
import { Members } from "./members.js";
import { Outbox } from "./outbox.js";
import { Transcript } from "./transcript.js";

/**
 * The room: everyone who has it open reads what everyone writes. It speaks `chat.v1`.
 *
 * Events: those of a demo; `room` when it is another room or a client of another name, `members`.
 */
export class Room extends Demo {
  members = new Members();
  /** This window's client id. */
  you = loadName("clientId");
  /** The room's name, also one that cannot be; empty before the first visit. */
  roomName = "";
  /** @type {Transcript | undefined} */
  #transcript;
  #nothing = new History();
  #welcomed = false;

  constructor() {
    super({
      name: "room",
      connection: new Connection(() => this.#address, { protocols: ["chat.v1"], ping: PING }),
    });
    this.onText((data) => {
      const message = readMessage(data);
      if (message) this.#receive(message);
      else this.doubt(data, TYPES);
    });
    this.connection.addEventListener("state", () => this.#stateChanged());
    addEventListener("pagehide", () => this.#transcript?.keep());
    addEventListener("beforeunload", (event) => {
      if (Outbox.anyWaits) event.preventDefault();
    });
  }

  /** @override */
  get heading() {
    return texts().roomHeading(this.roomName);
  }

  get history() {
    return this.#transcript?.history ?? this.#nothing;
  }

  /** @override */
  get reachable() {
    return this.#transcript !== undefined;
  }

  /** @override */
  get place() {
    return this.roomName === "" ? this.name : this.#placeOf(this.roomName);
  }

  /** @override */
  get ready() {
    return this.connection.state !== "closed" && !this.#transcript?.outbox.full;
  }

  /** @override */
  get replaying() {
    return this.#transcript?.replaying ?? false;
  }

  /**
   * Goes to the room of that name, as it stands in the address; without one to this window's last
   * room, or to a new one.
   *
   * @override
   * @param {string} rest
   */
  visit(rest) {
    const wanted = decoded(rest) || this.roomName || loadName("room");
    if (rest === "") window.history.replaceState(null, "", `#${this.#placeOf(wanted)}`);
    if (wanted !== this.roomName) this.#enter(wanted);
  }

  /**
   * @param {string} you
   * @returns {string} why another name cannot be taken now; empty when it was
   */
  rename(you) {
    if (you === this.you) return "";
    if (this.#transcript && this.#transcript.outbox.size > 0) return texts().sendFirst;
    this.you = saveName("clientId", you);
    this.#transcript?.rename(you);
    if (this.#transcript) this.#move();
    this.emit("room");
    return "";
  }

  /**
   * @param {string} text
   * @returns {string} why the text was not taken; empty when it was
   */
  send(text) {
    if (!this.#transcript || this.connection.state === "closed") {
      return texts().notConnected;
    }
    const refusal = this.#transcript.outbox.refusal(text);
    if (refusal !== "") return refusal;
    this.#transcript.say(text);
    this.#post();
    return "";
  }

  /**
   * Sends a message again that failed.
   *
   * @param {import("./history.js").Entry} entry
   */
  retry(entry) {
    this.#transcript?.retry(entry);
    if (this.connection.state === "closed") this.connection.open();
    else this.#post();
  }

  /**
   * Gives up a message that failed.
   *
   * @param {import("./history.js").Entry} entry
   */
  discard(entry) {
    this.#transcript?.discard(entry);
    this.#post();
  }

  get #address() {
    const query = queryOf(this.#transcript?.position);
    const names = [this.roomName, this.you].map(encodeURIComponent).join("/");
    return `chat/${names}${query && `?${query}`}`;
  }

  /** @param {string} name */
  #placeOf(name) {
    return `${this.name}/${encodeURIComponent(name)}`;
  }

  /** @param {string} name */
  #enter(name) {
    const left = this.#transcript;
    left?.keep();
    this.roomName = name;
    this.unread = 0;
    this.members.reset([]);
    this.#transcript = isName(name) ? new Transcript(saveName("room", name), this.you) : undefined;
    if (this.#transcript) {
      if (left && left.outbox.size > 0) this.#transcript.remind(left);
      this.#move();
    } else {
      this.connection.close(() => texts().noRoomName);
    }
    this.emit("room");
    this.emit("members");
  }

  #move() {
    this.#welcomed = false;
    this.connection.move();
  }

  #stateChanged() {
    const { state, reason } = this.connection;
    this.#welcomed = false;
    if (this.#transcript) this.#transcript.replaying = false;
    this.#transcript?.outbox.recall();
    if (state === "closed") this.#transcript?.fail(reason);
    if (state === "connecting") this.#transcript?.retry();
    this.#watch();
    this.emit("change");
    this.emit("state");
  }

  /** @param {import("./chat-v1.js").FromServer} message */
  #receive(message) {
    const transcript = this.#transcript;
    if (!transcript) return;
    switch (message.type) {
      case "welcome":
        transcript.welcome(message);
        this.members.reset(message.members);
        this.#welcomed = true;
        transcript.outbox.recall();
        this.#post();
        this.emit("members");
        break;
      case "message":
        if (transcript.message(message)) this.emit("news");
        break;
      case "ack":
        transcript.ack(message);
        this.#post();
        break;
      case "joined":
      case "left":
        this.#changed([message]);
        break;
      case "presence":
        this.#changed(message.changes);
        break;
      case "error":
        transcript.error(message);
        break;
    }
    this.#watch();
    this.emit("change");
    if (this.replaying && transcript.replayed) this.#settle();
  }

  /** @param {import("./chat-v1.js").Of<"presence">["changes"]} changes */
  #changed(changes) {
    for (const { type, member } of changes) {
      if (type === "joined") this.members.join(member);
      else this.members.leave(member);
    }
    this.emit("members");
  }

  // Letters go out after the welcome only: what was not acknowledged, in its order and first.
  #post() {
    if (this.#welcomed) this.#transcript?.outbox.post((text) => this.connection.send(text));
    this.#watch();
    this.emit("change");
    this.emit("state");
  }

  // In the frame that draws what came, but after it: the last of a replay is no news either.
  #settle() {
    const transcript = this.#transcript;
    requestAnimationFrame(() => {
      if (!transcript?.replayed) return;
      transcript.replaying = false;
      this.emit("change");
    });
  }

  // The server owes a welcome, or an answer for each letter.
  #watch() {
    if (!this.#welcomed || this.#transcript?.outbox.owed) this.connection.expect();
  }
}
