import { texts } from "../../page/texts.js";

/** @typedef {import("./chat-v1.js").Of<"welcome">} Welcome */

/**
 * What somebody who comes to a room has not seen: whether anything was lost, and from where on
 * the messages are new.
 */
export class Absence {
  #recovered;
  #newFrom;
  #latest;
  /**
   * Whether messages were missed that nobody can show any more: `yes` where offsets say so,
   * `maybe` where nobody knows, `no`.
   */
  missed;
  /**
   * The line above the first new message, once there is one.
   *
   * @type {import("./history.js").Entry | undefined}
   */
  line;
  /** How many messages of others came meanwhile. */
  count = 0;

  /**
   * @param {Welcome} welcome the server's, whose `position` is the one before what it sends now,
   *   and whose `latest` is the offset where its replay ends
   * @param {import("../../page/position.js").Position | undefined} seen where this window had got to
   */
  constructor({ position, latest, recovered }, seen) {
    this.#recovered = recovered;
    this.#latest = latest;
    // A reload begins without a position, to have the whole history on the page again.
    const inEpoch = seen?.epoch === position.epoch ? seen : undefined;
    const known = inEpoch !== undefined && inEpoch.offset >= position.offset;
    if (inEpoch && !known) this.missed = "yes";
    else this.missed = recovered === false || (seen !== undefined && !known) ? "maybe" : "no";
    this.#newFrom = known ? inEpoch.offset : Number.POSITIVE_INFINITY;
  }

  /**
   * Whether a message was said since the welcome.
   *
   * @param {number} offset
   */
  isLive(offset) {
    return offset > this.#latest;
  }

  /**
   * Whether a message that was said before is new to who comes.
   *
   * @param {number} offset
   */
  isNews(offset) {
    return this.#recovered === false || offset > this.#newFrom;
  }

  /**
   * Whether a message belongs below the line, which may have to be drawn first.
   *
   * @param {number} offset
   */
  isBelowLine(offset) {
    return offset > this.#newFrom;
  }

  /** What the line says. */
  get text() {
    return texts().away(this.count);
  }
}
