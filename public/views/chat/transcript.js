import { windowKept } from "../../page/kept.js";
import { isPosition } from "../../page/position.js";
import { texts } from "../../page/texts.js";
import { Absence } from "./absence.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";

const MISSED = () => texts().missed;
const MAYBE_MISSED = () => texts().maybeMissed;

/** @typedef {import("./history.js").Entry} Entry */
/** @typedef {import("../../page/texts.js").Said} Said */
/**
 * @template {import("./chat-v1.js").FromServer["type"]} Type
 * @typedef {import("./chat-v1.js").Of<Type>} Of
 */

/**
 * What one client knows of a room: its messages, up to which position, and its own that are on
 * their way. It keeps the promise that nothing shows twice and that nothing is lost silently.
 */
export class Transcript {
  history = new History();
  /** Whether what is drawn now was said before. */
  replaying = false;
  /**
   * The position of the last message seen; undefined before the first welcome.
   *
   * @type {import("../../page/position.js").Position | undefined}
   */
  position;
  #key;
  /** @type {Outbox} */
  #outbox;
  /** @type {Absence | undefined} */
  #absence;
  /** Offsets of own messages that show already, because they were acknowledged first. */
  #early = /** @type {Set<number>} */ (new Set());

  /**
   * @param {string} room
   * @param {string} you
   */
  constructor(room, you) {
    this.room = room;
    this.you = you;
    this.#key = `seen ${room}`;
    this.#outbox = this.#openOutbox();
  }

  /** Messages of this client that the server has not acknowledged. */
  get outbox() {
    return this.#outbox;
  }

  /** Whether all has come that was said before. */
  get replayed() {
    return this.position !== undefined && this.#absence?.isLive(this.position.offset + 1) === true;
  }

  /**
   * Goes on under another name; only while the outbox is empty.
   *
   * @param {string} you
   */
  rename(you) {
    this.you = you;
    this.#outbox = this.#openOutbox();
  }

  /** Keeps the position for the next time this window comes to the room. */
  keep() {
    if (this.position) windowKept.write(this.#key, this.position);
  }

  /**
   * Says that messages wait in a room that was left.
   *
   * @param {Transcript} left
   */
  remind({ room, outbox }) {
    const { size } = outbox;
    this.#note(() => texts().waitingIn(room, size));
  }

  /**
   * The server's first message of a connection, and of an epoch.
   *
   * @param {Of<"welcome">} welcome
   */
  welcome(welcome) {
    const seen = this.position ?? windowKept.read(this.#key, isPosition);
    this.#absence = new Absence(welcome, seen);
    this.#early.clear();
    this.position = welcome.position;
    this.replaying = true;
    if (this.#absence.missed === "yes") this.#note(MISSED);
    if (this.#absence.missed === "maybe") this.#note(MAYBE_MISSED);
  }

  /**
   * @param {Of<"message">} message
   * @returns {boolean} whether it is news
   */
  message({ offset, from, text, at }) {
    const { position } = this;
    const absence = this.#absence;
    if (!position || !absence || offset <= position.offset) return false;
    if (offset > position.offset + 1) this.#note(MISSED);
    this.position = { epoch: position.epoch, offset };
    if (from === this.you) {
      this.#own(position.epoch, { offset, text, at });
      return false;
    }
    const live = absence.isLive(offset);
    if (!live && absence.isBelowLine(offset)) this.#count(absence);
    this.history.add({ from: "others", who: from, text, at });
    return live || absence.isNews(offset);
  }

  /**
   * The server has given a message of this client its place.
   *
   * @param {Of<"ack">} message
   */
  ack({ id, offset }) {
    const letter = this.#outbox.get(id);
    if (!letter || !this.position) return;
    this.#outbox.remove(letter);
    this.history.change(letter.entry, { state: "sent", reason: "" });
    if (letter.epoch !== "") return;
    this.history.add(letter.entry);
    if (offset > this.position.offset) this.#early.add(offset);
  }

  /**
   * The server has refused a message.
   *
   * @param {Of<"error">} message
   */
  error({ code, message, id }) {
    const letter = id === undefined ? undefined : this.#outbox.get(id);
    if (!letter) return void this.#note(() => texts().refusedMessage(message));
    this.history.change(letter.entry, { state: "failed", reason: message });
    if (code === "id_reused") this.#outbox.renew(letter);
  }

  /**
   * Writes a message, which shows as on its way.
   *
   * @param {string} text
   */
  say(text) {
    this.history.wait(this.#outbox.add(text).entry);
  }

  /**
   * Says of all that is on its way that it will not go by itself.
   *
   * @param {Said} reason
   */
  fail(reason) {
    for (const { entry, epoch } of this.#outbox.letters) {
      if (epoch === "" && entry.state === "sending") {
        this.history.change(entry, { state: "failed", reason });
      }
    }
  }

  /**
   * Sends one that failed again, or all.
   *
   * @param {Entry[]} entries
   */
  retry(...entries) {
    for (const letter of this.#outbox.letters) {
      const { entry } = letter;
      if (entry.state !== "failed" || (entries.length > 0 && !entries.includes(entry))) continue;
      letter.posted = false;
      this.history.change(entry, { state: "sending", reason: "" });
    }
  }

  /**
   * Gives up one that failed.
   *
   * @param {Entry} entry
   */
  discard(entry) {
    const letter = this.#outbox.of(entry);
    if (letter) this.#outbox.remove(letter);
    this.history.drop(entry);
  }

  // Its text says which letter it is: the server answers in order, and the acknowledgement that
  // follows corrects nothing one could see, since equal texts of one client look the same.
  /**
   * @param {string} epoch
   * @param {{ offset: number, text: string, at: string }} message
   */
  #own(epoch, { offset, text, at }) {
    if (this.#early.delete(offset)) return;
    const letter = this.#outbox.unseen(text, epoch);
    if (!letter) return this.history.add({ from: "me", who: this.you, text, at });
    const shown = letter.epoch !== "";
    letter.epoch = epoch;
    this.history.change(letter.entry, { at });
    if (!shown) this.history.add(letter.entry);
  }

  /** @param {Absence} absence */
  #count(absence) {
    absence.count += 1;
    if (absence.line) return this.history.change(absence.line, {});
    absence.line = this.#note(() => absence.text);
  }

  /** @param {Said} text */
  #note(text) {
    /** @type {Entry} */
    const entry = { from: "notice", text };
    this.history.add(entry);
    return entry;
  }

  #openOutbox() {
    const outbox = new Outbox(`${this.room} ${this.you}`);
    for (const { entry } of outbox.letters) this.history.wait(entry);
    return outbox;
  }
}
