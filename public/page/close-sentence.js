import { texts } from "./texts.js";

/** Codes that have a sentence of their own. */
const KNOWN = /** @type {const} */ ([1000, 1002, 1003, 1007, 1008, 1009]);

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
