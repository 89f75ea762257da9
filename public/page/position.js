/**
 * A place among messages.
 *
 * @typedef {{ epoch: string, offset: number }} Position
 */

/**
 * Whether a value is a place among messages, as the server and this page keep it.
 *
 * @param {unknown} value
 * @returns {value is Position}
 */
export function isPosition(value) {
  const { epoch, offset } = fieldsOf(value);
  return typeof epoch === "string" && isOffset(offset);
}

/**
 * Whether a value counts messages: a whole number, from 0 on.
 *
 * @param {unknown} value
 */
export function isOffset(value) {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/**
 * What a value has, of which nothing is known: none where it is no object.
 *
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
export function fieldsOf(value) {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/**
 * A place as it is asked for in an address; empty for none.
 *
 * @param {Position | undefined} position
 */
export function queryOf(position) {
  if (position === undefined) return "";
  const { epoch, offset } = position;
  return new URLSearchParams({ epoch, offset: String(offset) }).toString();
}
