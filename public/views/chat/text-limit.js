import { texts } from "../../page/texts.js";

/** The longest message the server reads, in bytes. */
const MAX_BYTES = 64 * 1024;

/** Whether a text has nothing that anybody could see: spaces of any kind, controls, joiners. */
const INVISIBLE = /^[\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]*$/u;

const encoder = new TextEncoder();

/**
 * Why nobody could see a message of `text`; empty when somebody can.
 *
 * @param {string} text
 */
export function whyUnseen(text) {
  return INVISIBLE.test(text) ? texts().unseen : "";
}

/**
 * Why the server would not read `frame`, which is all that is sent; empty when it would.
 *
 * @param {string} frame
 */
export function whyTooLong(frame) {
  const excess = encoder.encode(frame).length - MAX_BYTES;
  return excess <= 0 ? "" : texts().tooLongBy(excess);
}
