// What an attack on an open WebSocket is, and bytes that no well-behaved client would send.

import { frame } from "../../support/wire.ts";

/** A message or a pong from the server. */
export interface Answer {
  readonly opcode: number;
  readonly payload: string;
}

/** A sequence that a client sends after the 101, and the one outcome that is right. */
export interface Attack {
  /** A whole sentence. */
  readonly title: string;
  /** What is sent, a buffer for each segment. */
  readonly sends: readonly Buffer[];
  /** How the client leaves once it has sent: not at all, by closing its half, or by a reset. */
  readonly leaves?: "fin" | "rst";
  /** Whether the client closes 1000 once it has the answers. */
  readonly closes?: boolean;
  /** Whether the client answers the server's close frame, as it must when that is no error. */
  readonly replies?: boolean;
  /** What comes before the close frame, in order; not compared when undefined. */
  readonly answers?: readonly Answer[];
  /**
   * The code in the server's close frame; as in RFC 6455, 1005 is a close frame without a code
   * and 1006 an end without a close frame.
   */
  readonly close: number;
}

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** What a frame's head says, true or not. */
export interface Head {
  readonly opcode: number;
  /** Default true. */
  readonly fin?: boolean;
  /** The reserved bits, RSV1 being 4. Default 0. */
  readonly rsv?: number;
  /** Default true. */
  readonly masked?: boolean;
  /** The size of the length field in bits. Default the least that will do. */
  readonly lengthBits?: 7 | 16 | 64;
  /** The length that the head announces. Default the payload's. */
  readonly announces?: bigint;
}

/** A frame with a head as one wants it. The mask is zero, so the payload is sent as it is. */
export function raw(head: Head, payload: string | Buffer = ""): Buffer {
  const data = Buffer.from(payload);
  const length = head.announces ?? BigInt(data.length);
  const bits = head.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const extended = Buffer.alloc(bits === 7 ? 0 : bits / 8);
  if (bits === 16) extended.writeUInt16BE(Number(length));
  if (bits === 64) extended.writeBigUInt64BE(length);
  const masked = head.masked ?? true;
  const first = ((head.fin ?? true) ? 0x80 : 0) | ((head.rsv ?? 0) << 4) | head.opcode;
  const second = (masked ? 0x80 : 0) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127);
  return Buffer.concat([
    Buffer.from([first, second]),
    extended,
    Buffer.alloc(masked ? 4 : 0),
    data,
  ]);
}

/** A client's close frame. */
export function closing(code: number, reason: string | Buffer = ""): Buffer {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([body, Buffer.from(reason)]));
}

/** The echo's answer to a text. */
export function echoed(text: string): Answer {
  return { opcode: TEXT, payload: `Message text was: ${text}` };
}

/** The answer to a ping. */
export function pong(payload = ""): Answer {
  return { opcode: PONG, payload };
}

/** An attack that the server must answer with a close frame of this code, and nothing before. */
export function refused(title: string, close: number, ...sends: Buffer[]): Attack {
  return { title, sends, answers: [], close };
}

/** A sequence that is legal: it is answered, and the client then closes 1000. */
export function legal(title: string, sends: readonly Buffer[], answers: Answer[]): Attack {
  return { title, sends, answers, closes: true, close: 1000 };
}

/** Bytes in hexadecimal, for titles. */
export function hex(bytes: Buffer): string {
  return bytes.toString("hex").replace(/..(?=.)/g, "$& ");
}
