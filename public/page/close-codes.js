/** Codes after which a client comes back by itself: the cause lies with the server or the network. */
const RETURNING = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]);

/** "Try again later": the server has more clients than it can serve now. */
const LATER = 1013;
const LATER_MS = 5_000;

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
