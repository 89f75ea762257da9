import { texts } from "../../page/texts.js";

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
  /** The line above the first new message, once there is one. */
  line;
  /** How many messages of others came meanwhile. */
  count = 0;

  /**
   * @param {object} welcome the server's, whose `position` is the one before what it sends now,
   *   and whose `latest` is the offset where its replay ends
   * @param {{ epoch: string, offset: number } | undefined} seen where this window had got to
   */
  constructor({ position, latest, recovered }, seen) {
    this.#recovered = recovered;
    this.#latest = latest;
    // A reload begins without a position, to have the whole history on the page again.
    const sameEpoch = seen?.epoch === position.epoch;
    const known = sameEpoch && seen.offset >= position.offset;
    if (sameEpoch && !known) this.missed = "yes";
    else this.missed = recovered === false || (seen !== undefined && !known) ? "maybe" : "no";
    this.#newFrom = known ? seen.offset : Number.POSITIVE_INFINITY;
  }

  /** Whether a message was said since the welcome. */
  isLive(offset) {
    return offset > this.#latest;
  }

  /** Whether a message that was said before is new to who comes. */
  isNews(offset) {
    return this.#recovered === false || offset > this.#newFrom;
  }

  /** Whether a message belongs below the line, which may have to be drawn first. */
  isBelowLine(offset) {
    return offset > this.#newFrom;
  }

  /** What the line says. */
  get text() {
    return texts().away(this.count);
  }
}
