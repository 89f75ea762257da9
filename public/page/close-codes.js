import { texts } from "./texts.js";

/** Codes after which a client comes back by itself: the cause lies with the server or the network. */
const RETURNING = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]);

/** "Try again later": the server has more clients than it can serve now. */
const LATER = 1013;
const LATER_MS = 5_000;

/** Codes that have a sentence of their own. */
const KNOWN = /** @type {const} */ ([1000, 1002, 1003, 1007, 1008, 1009]);

/**
 * Whether a client should come back after the connection closed with `code`.
 *
 * @param {number} code
 */
export function shouldReturn(code) {
  return RETURNING.has(code);
}

/**
 * How long, in milliseconds, a client stays away at least, before its back-off begins.
 *
 * @param {number} code
 */
export function leastWait(code) {
  return code === LATER ? LATER_MS : 0;
}

/**
 * One sentence for people, from a close code and the reason that came with it.
 *
 * @param {number} code
 * @param {string} reason
 */
export function describeClose(code, reason) {
  const known = KNOWN.find((it) => it === code);
  const meaning = known ? texts()[`close${known}`] : texts().closeOther(code);
  return texts().closedWith(meaning, reason);
}
