// Autobahn's groups 12 and 13: compressed messages, of five kinds of data and after seven offers.

import { createHash } from "node:crypto";
import { type Answer, BINARY, type Case, type Script, TEXT } from "./case.ts";
import { samples } from "./samples.ts";

/** A message's characters or bytes, and those of the fragments it is sent in; 0 for one frame. */
const SIZES: readonly (readonly [size: number, fragment: number])[] = [
  ...[16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072].map(
    (size) => [size, 0] as const,
  ),
  ...[8_192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, 256] as const),
  ...[1_024, 4_096, 32_768].map((fragment) => [131_072, fragment] as const),
];

const OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits";
const FORGETFUL = `${OFFER}; server_no_context_takeover`;
const OFFERS: readonly string[] = [
  OFFER,
  FORGETFUL,
  `${OFFER}; server_max_window_bits=9`,
  `${OFFER}; server_max_window_bits=15`,
  `${FORGETFUL}; server_max_window_bits=9`,
  `${FORGETFUL}; server_max_window_bits=15`,
  `${FORGETFUL}; server_max_window_bits=9, ${FORGETFUL}, ${OFFER}`,
];

/** How many messages a case sends in the whole form, and in the short one. */
export const WHOLE = 1_000;
export const SHORT = 3;

/** A case whose messages are sent one by one, each when the last has been echoed. */
export interface DeflateCase extends Case {
  readonly offers: string;
  readonly fragment: number;
  readonly opcode: number;
  readonly messages: () => Iterable<Buffer>;
}

/** An answer by its hash: a thousand whole ones are too many to keep. */
export function hashed(opcode: number, message: Buffer): Answer {
  return { opcode, payload: createHash("sha1").update(message).digest() };
}

/** One case for each length, of one kind of data after one offer. */
function group(id: string, what: string, offers: string, count: number): DeflateCase[] {
  const sample = samples[what] as string | Buffer;
  const opcode = typeof sample === "string" ? TEXT : BINARY;
  return SIZES.map(([size, fragment], n) => {
    const messages = () => slices(sample, size, count);
    const script = (): Script => ({
      sends: [],
      ok: Array.from(messages(), (message) => hashed(opcode, message)),
    });
    const how = fragment === 0 ? "in a frame each" : `in fragments of ${fragment} bytes`;
    return {
      id: `${id}.${n + 1}`,
      what: `${what}, ${count} times ${size}, ${how}`,
      script,
      closedBy: "client",
      codes: [1000],
      isClean: true,
      offers,
      fragment,
      opcode,
      messages,
    };
  });
}

export function deflate(count: number): DeflateCase[] {
  return [
    ...Object.keys(samples).flatMap((what, n) => group(`12.${n + 1}`, what, OFFER, count)),
    ...OFFERS.flatMap((offers, n) => group(`13.${n + 1}`, "JSON", offers, count)),
  ];
}

/** Parts of a sample, one after the other and around its end. */
function* slices(sample: string | Buffer, size: number, count: number): Iterable<Buffer> {
  for (let from = 0, n = 0; n < count; n++, from = (from + size) % sample.length) {
    const rest = from + size - sample.length;
    const part = Buffer.from(sample.slice(from, from + size));
    yield rest > 0 ? Buffer.concat([part, Buffer.from(sample.slice(0, rest))]) : part;
  }
}
