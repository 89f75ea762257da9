/** How many bytes each byte of a text takes in a JSON string. */
const BYTES = new Uint8Array(256).fill(1);
BYTES.fill(6, 0, 0x20);
for (const short of '\b\t\n\f\r"\\') BYTES[short.charCodeAt(0)] = 2;

/**
 * How many bytes a text takes between the quotes of a JSON string, as JSON.stringify writes it
 * (RFC 8259 section 7): control characters take six, or two where they have a short form.
 *
 * @param text in UTF-8
 */
export function jsonBytes(text: Uint8Array): number {
  let bytes = 0;
  // By index: an iterator costs several times as much for each byte.
  for (let i = 0; i < text.length; i++) bytes += BYTES[text[i] as number] as number;
  return bytes;
}
