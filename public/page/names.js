import { windowKept } from "./kept.js";

/** As the server's: letters, marks and digits of any script that can be seen, `_` and `-`. */
const SHAPE = /^(?:(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{Nd}_-]){1,64}$/u;
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

/**
 * Whether the server takes `name`.
 *
 * @param {string} name
 */
export function isName(name) {
  return SHAPE.test(name) && name === composed(name);
}

/**
 * A name in the one spelling (NFC) that the server takes: keyboards write `é` in two ways.
 *
 * @param {string} name
 */
export function composed(name) {
  return name.normalize("NFC");
}

/**
 * A name as it stands in a URL, decoded; as it stands there when it cannot be decoded.
 *
 * @param {string} part
 */
export function decoded(part) {
  try {
    return composed(decodeURIComponent(part));
  } catch {
    return part;
  }
}

/** A name that nobody else has by chance, short enough to be read out. */
export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/**
 * The name this window has for something: the one it had before a reload, or a random one. Every
 * window has its own.
 * @param {string} key
 */
export function loadName(key) {
  return windowKept.read(key, isKeptName) ?? saveName(key, randomName());
}

/**
 * Keeps `name` for this window.
 *
 * @param {string} key
 * @param {string} name
 */
export function saveName(key, name) {
  windowKept.write(key, name);
  return name;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isKeptName(value) {
  return typeof value === "string" && isName(value);
}
