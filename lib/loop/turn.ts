/** What is held back until the end of a turn. */
export interface Held {
  /** Lets go what was held back. */
  letGo(): void;
}

/** The number of this turn of the event loop, of those in which something is written. */
let turn = 0;
/** Whether something has been written in it. */
let begun = false;
/** Whether a message has come since the last turn that was ended. */
let heard = false;
/** Whether its end is called for. */
let ending = false;
let held: Held[] = [];

/**
 * To be called for each message that comes: what it has written is of another turn than what was
 * written before. So a turn of a lone answer needs no callback at its end, which would cost more
 * than the rest of its writing.
 */
export function messageCame(): void {
  heard = true;
  if (!begun || ending) return;
  begun = false;
  turn++;
}

/**
 * The number of this turn, to be asked for before something is written.
 *
 * A turn that no message has begun may be one of a timer, and the next message may be far: it is
 * ended by a callback. After a turn that a message has begun, what a timer writes counts for that
 * one, and is at worst held back until the end of its own.
 */
export function thisTurn(): number {
  if (begun) return turn;
  begun = true;
  if (!heard) callForEnd();
  return turn;
}

/** Has something let go at the end of this turn: when all that runs now, and what it began, is done. */
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
