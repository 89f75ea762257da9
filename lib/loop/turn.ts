/** Holds something back until the end of a turn. */
export interface Held {
  /** Releases it. */
  letGo(): void;
}

/** The number of this turn of the event loop. Only turns with writes count. */
let turn = 0;
/** Whether this turn has a write. */
let begun = false;
/** Whether a message has come since the last end of a turn. */
let heard = false;
/** Whether the end of this turn is scheduled. */
let ending = false;
let held: Held[] = [];

/**
 * Call this for every incoming message: what is written after it counts as a new turn. One message
 * with one answer then needs no end-of-turn callback, which would cost more than the write.
 */
export function messageCame(): void {
  heard = true;
  if (!begun || ending) return;
  begun = false;
  turn++;
}

/**
 * The number of this turn. Call this before a write.
 *
 * If no message began this turn, a timer may have, and the next message may be far away: a callback
 * ends such a turn. Writes of a timer after a message count for the message's turn. At worst they
 * are held back until the end of the timer's own turn.
 */
export function thisTurn(): number {
  if (begun) return turn;
  begun = true;
  if (!heard) callForEnd();
  return turn;
}

/** Calls `letGo` at the end of this turn, when the running code and its microtasks are done. */
export function atEndOfTurn(what: Held): void {
  held.push(what);
  callForEnd();
}

function callForEnd(): void {
  if (ending) return;
  ending = true;
  process.nextTick(endTurn);
}

function endTurn(): void {
  begun = false;
  heard = false;
  ending = false;
  turn++;
  const all = held;
  held = [];
  for (const each of all) each.letGo();
}
