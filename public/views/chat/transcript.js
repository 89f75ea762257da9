import { windowKept } from "../../page/kept.js";
import { isPosition } from "../../page/position.js";
import { texts } from "../../page/texts.js";
import { Absence } from "./absence.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";

const MISSED = () => texts().missed;
const MAYBE_MISSED = () => texts().maybeMissed;

/**
 * What one client knows of a room: its messages, up to which position, and its own that are on
 * their way. It keeps the promise that nothing shows twice and that nothing is lost silently.
 */
export class Transcript {
  history = new History();
  /** Whether what is drawn now was said before. */
  replaying = false;
  /** The position of the last message seen; undefined before the first welcome. */
  position;
  #key;
  #outbox;
  #absence;
  /** Offsets of own messages that show already, because they were acknowledged first. */
  #early = new Set();

  constructor(room, you) {
    this.room = room;
    this.you = you;
    this.#key = `seen ${room}`;
    this.#openOutbox();
  }

  /** Messages of this client that the server has not acknowledged. */
  get outbox() {
    return this.#outbox;
  }

  /** Whether all has come that was said before. */
  get replayed() {
    return this.#absence?.isLive(this.position.offset + 1) ?? false;
  }

  /** Goes on under another name; only while the outbox is empty. */
  rename(you) {
    this.you = you;
    this.#openOutbox();
  }

  /** Keeps the position for the next time this window comes to the room. */
  keep() {
    if (this.position) windowKept.write(this.#key, this.position);
  }

  /** Says that messages wait in a room that was left. */
  remind({ room, outbox }) {
    const { size } = outbox;
    this.#note(() => texts().waitingIn(room, size));
  }

  /** The server's first message of a connection, and of an epoch. */
  welcome(welcome) {
    const seen = this.position ?? windowKept.read(this.#key, isPosition);
    this.#absence = new Absence(welcome, seen);
    this.#early.clear();
    this.position = welcome.position;
    this.replaying = true;
    if (this.#absence.missed === "yes") this.#note(MISSED);
    if (this.#absence.missed === "maybe") this.#note(MAYBE_MISSED);
  }

  /** @returns {boolean} whether it is news */
  message({ offset, from, text, at }) {
    const { position } = this;
    if (!position || offset <= position.offset) return false;
    if (offset > position.offset + 1) this.#note(MISSED);
    this.position = { epoch: position.epoch, offset };
    if (from === this.you) {
      this.#own(offset, text, at);
      return false;
    }
    const live = this.#absence.isLive(offset);
    if (!live && this.#absence.isBelowLine(offset)) this.#count();
    this.history.add({ from: "others", who: from, text, at });
    return live || this.#absence.isNews(offset);
  }

  /** The server has given a message of this client its place. */
  ack({ id, offset }) {
    const letter = this.#outbox.get(id);
    if (!letter || !this.position) return;
    this.#outbox.remove(letter);
    this.history.change(letter.entry, { state: "sent", reason: "" });
    if (letter.epoch !== "") return;
    this.history.add(letter.entry);
    if (offset > this.position.offset) this.#early.add(offset);
  }

  /** The server has refused a message. */
  error({ code, message, id }) {
    const letter = this.#outbox.get(id);
    if (!letter) return this.#note(() => texts().refusedMessage(message));
    this.history.change(letter.entry, { state: "failed", reason: message });
    if (code === "id_reused") this.#outbox.renew(letter);
  }

  /** Writes a message, which shows as on its way. */
  say(text) {
    this.history.wait(this.#outbox.add(text).entry);
  }

  /** Says of all that is on its way that it will not go by itself. */
  fail(reason) {
    for (const { entry, epoch } of this.#outbox.letters) {
      if (epoch === "" && entry.state === "sending") {
        this.history.change(entry, { state: "failed", reason });
      }
    }
  }

  /** Sends one that failed again, or all. */
  retry(...entries) {
    for (const { entry } of this.#outbox.letters) {
      if (entry.state !== "failed" || (entries.length > 0 && !entries.includes(entry))) continue;
      this.#outbox.of(entry).posted = false;
      this.history.change(entry, { state: "sending", reason: "" });
    }
  }

  /** Gives up one that failed. */
  discard(entry) {
    this.#outbox.remove(this.#outbox.of(entry));
    this.history.drop(entry);
  }

  // Its text says which letter it is: the server answers in order, and the acknowledgement that
  // follows corrects nothing one could see, since equal texts of one client look the same.
  #own(offset, text, at) {
    if (this.#early.delete(offset)) return;
    const letter = this.#outbox.unseen(text, this.position.epoch);
    if (!letter) return this.history.add({ from: "me", who: this.you, text, at });
    const shown = letter.epoch !== "";
    letter.epoch = this.position.epoch;
    this.history.change(letter.entry, { at });
    if (!shown) this.history.add(letter.entry);
  }

  #count() {
    const absence = this.#absence;
    absence.count += 1;
    if (absence.line) return this.history.change(absence.line, {});
    absence.line = this.#note(() => absence.text);
  }

  #note(text) {
    const entry = { from: "notice", text };
    this.history.add(entry);
    return entry;
  }

  #openOutbox() {
    this.#outbox = new Outbox(`${this.room} ${this.you}`);
    for (const { entry } of this.#outbox.letters) this.history.wait(entry);
  }
}
