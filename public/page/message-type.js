import { fieldsOf } from "./position.js";

/**
 * The type that a message in JSON says it has.
 *
 * @param {string} text
 * @returns {string | undefined} undefined for a text without one, and for one that is no JSON
 */
export function typeOf(text) {
  try {
    const { type } = fieldsOf(JSON.parse(text));
    return typeof type === "string" ? type : undefined;
  } catch {
    return undefined;
  }
}
