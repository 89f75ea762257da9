/** Whether a value is a place among messages, as the server and this page keep it. */
export function isPosition(value) {
  return typeof value?.epoch === "string" && isOffset(value.offset);
}

/** Whether a value counts messages: a whole number, from 0 on. */
export function isOffset(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
