/** How far the clocks may be apart that are compared, in milliseconds. */
const CLOCKS_MS = 5_000;

/**
 * What somebody who comes to a room has not seen: whether anything was lost, and from where on
 * the messages are new.
 */
export class Absence {
  #recovered;
  #newFrom;
  #cameAt;
  /** Whether messages were missed that nobody can show any more. */
  missed;
  /** The line above the first new message, once there is one. */
  line;
  /** How many messages of others came meanwhile. */
  count = 0;

  /**
   * @param {object} welcome the server's, whose `position` is the one before what it sends now
   * @param {{ epoch: string, offset: number } | undefined} seen where this window had got to
   */
  constructor({ position, recovered, members, you }, seen) {
    this.#recovered = recovered;
    this.#cameAt = arrival(members.find(({ id }) => id === you));
    // A reload begins without a position, to have the whole history on the page again.
    const known = seen?.epoch === position.epoch && seen.offset >= position.offset;
    this.missed = recovered === false || (seen !== undefined && !known);
    this.#newFrom = known ? seen.offset : Number.POSITIVE_INFINITY;
  }

  /** Whether a message was surely said after the welcome. */
  isLive(at) {
    return this.#cameAt !== undefined && at >= this.#cameAt;
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
    return `You were away, ${this.count} ${this.count === 1 ? "message" : "messages"}`;
  }
}

// A member has been there since its arrival by the server's clock, which the messages' times are of
// too; unless another window of the same name was there first, or nobody noticed that it had gone.
function arrival(member) {
  const ago = member ? Date.now() - Date.parse(member.since) : Number.NaN;
  return Math.abs(ago) < CLOCKS_MS ? member.since : undefined;
}
