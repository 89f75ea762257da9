const KEY = "clientId";
const SHAPE = /^[A-Za-z0-9_-]{1,64}$/;
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

/** The rule, in words. */
export const RULE = "1 to 64 characters: letters A–Z a–z, digits, _ and -.";

/** Whether the server takes `id`. */
export function isClientId(id) {
  return SHAPE.test(id);
}

/** This window's id: the one it had before a reload, or a new one. */
export function loadClientId() {
  const kept = sessionStorage.getItem(KEY) ?? "";
  if (isClientId(kept)) return kept;
  const id = randomClientId();
  saveClientId(id);
  return id;
}

/** Keeps `id` for this window: `sessionStorage`, so that every window is a client of its own. */
export function saveClientId(id) {
  sessionStorage.setItem(KEY, id);
}

function randomClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
