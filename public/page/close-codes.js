/** Codes after which a client comes back by itself: the cause lies with the server or the network. */
const RETURNING = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]);

/** "Try again later": the server has more clients than it can serve now. */
const LATER = 1013;
const LATER_MS = 5_000;

const MEANING = new Map([
  [1000, "The server ended the connection"],
  [1002, "The server did not understand this browser"],
  [1003, "The server does not take this kind of message"],
  [1007, "The server could not read the last message"],
  [1008, "The server refused this client"],
  [1009, "The last message was too large"],
]);

/** Whether a client should come back after the connection closed with `code`. */
export function shouldReturn(code) {
  return RETURNING.has(code);
}

/** How long, in milliseconds, a client stays away at least, before its back-off begins. */
export function leastWait(code) {
  return code === LATER ? LATER_MS : 0;
}

/** One sentence for people, from a close code and the reason that came with it. */
export function describeClose(code, reason) {
  const meaning = MEANING.get(code) ?? `The server ended the connection with code ${code}`;
  return reason === "" ? `${meaning}.` : `${meaning}: ${reason}`;
}
