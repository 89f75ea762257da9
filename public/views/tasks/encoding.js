/** How much of a file is looked at, in bytes. The server reads the rest as it counts. */
const HEAD = 1024 * 1024;

/** From so many characters on, a text in Big5 has some whose second byte is an ASCII one. */
const ENOUGH = 8;

/**
 * What the beginning of a file is, whatever its name or its declared type says: `utf-8`, `utf-16`,
 * `big5`, `binary` (no text at all), or `unknown`, which may still be a text in another encoding.
 *
 * @param {Blob} file
 * @throws {DOMException} when it cannot be read
 */
export async function encodingOf(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const cut = bytes.length < file.size;
  if (isUtf16(bytes)) return "utf-16";
  // Of texts, only those in UTF-16 and UTF-32 have zeros.
  if (bytes.includes(0)) return "binary";
  if (decode("utf-8", bytes, cut) !== undefined) return "utf-8";
  return decode("big5", bytes, cut) !== undefined && isLikeBig5(bytes) ? "big5" : "unknown";
}

// Without a mark, it is the zeros of its ASCII characters that tell: all in every other place.
/** @param {Uint8Array} bytes */
function isUtf16(bytes) {
  if (bytes.length < 2) return false;
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  const zeros = [0, 0];
  for (let index = 0; index < bytes.length; index++) if (bytes[index] === 0) zeros[index % 2] += 1;
  if ((zeros[0] === 0) === (zeros[1] === 0)) return false;
  const even = bytes.subarray(0, bytes.length - (bytes.length % 2));
  return decode(zeros[0] === 0 ? "utf-16le" : "utf-16be", even, true) !== undefined;
}

/**
 * @param {string} encoding
 * @param {Uint8Array} bytes
 * @param {boolean} cut whether there is more of it
 */
function decode(encoding, bytes, cut) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: cut });
  } catch {
    return undefined;
  }
}

// Nearly all characters of a Chinese text stand beside each other, and are among those that Big5 has
// first (0xA1 to 0xC6). So are many of GBK and EUC-KR, whose second bytes are never ASCII ones.
/** @param {Uint8Array} bytes */
function isLikeBig5(bytes) {
  let [all, common, low, beside] = [0, 0, 0, 0];
  for (let index = 0, end = -1; index < bytes.length - 1; index++) {
    const lead = bytes[index];
    if (lead < 0x80) continue;
    if (index === end) beside += 1;
    index += 1;
    end = index + 1;
    all += 1;
    if (lead >= 0xa1 && lead <= 0xc6) common += 1;
    if (bytes[index] < 0x80) low += 1;
  }
  if (all < 2 || beside < all / 4) return false;
  return common >= 0.8 * all && (all < ENOUGH || low > 0.1 * all);
}
