const SHAPE = /^[A-Za-z0-9_-]{1,64}$/;
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

/** The rule for rooms and for people, in words. */
export const RULE = "1 to 64 characters: letters A–Z a–z, digits, _ and -.";

/** Whether the server takes `name`. */
export function isName(name) {
  return SHAPE.test(name);
}

/** A name that nobody else has by chance, short enough to be read out. */
export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/**
 * The name this window has for something: the one it had before a reload, or a random one.
 * `sessionStorage` keeps it, so that every window has its own.
 */
export function loadName(key) {
  const kept = sessionStorage.getItem(key) ?? "";
  if (isName(kept)) return kept;
  return saveName(key, randomName());
}

/** Keeps `name` for this window. */
export function saveName(key, name) {
  sessionStorage.setItem(key, name);
  return name;
}
