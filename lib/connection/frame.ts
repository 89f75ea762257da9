import { types } from "node:util";

/** What can be sent: text, or bytes (a Buffer, any other view, an ArrayBuffer) as a binary message. */
export type Outgoing = string | ArrayBufferView | ArrayBufferLike;

// Not instanceof: a test runner may give its tests an ArrayBuffer of their own.
const { isAnyArrayBuffer } = types;

const FIN = 0x80;
const TEXT = 1;
const BINARY = 2;
/** The longest head: of a message of more than 65,535 bytes. */
export const MOST_HEAD_BYTES = 10;
/** Longest payloads whose length fits the head's 7 bits, and its 16 (RFC 6455 section 5.2). */
const SEVEN_BITS = 125;
const SIXTEEN_BITS = 0xffff;
const STRINGIFY = "use JSON.stringify for objects";
/** Above it a buffer that holds the head as well costs more than a second write. */
const COPY_BYTES = 16 * 1024;

/**
 * A message as it goes over the wire: made once, and the same bytes for every connection that is
 * sent it. Without a mask, as RFC 6455 section 5.1 asks of a server.
 */
export class Frame {
  /** Whether it goes to one connection only. */
  readonly isForOne: boolean;
  #data: Outgoing;
  #isKept = false;
  #bytes: Buffer | undefined;
  #payload: Buffer | undefined;

  constructor(data: Outgoing, isForOne = false) {
    this.#data = data;
    this.isForOne = isForOne;
  }

  /** The message. */
  get data(): Outgoing {
    return this.#data;
  }

  /**
   * A bound on the payload's length in bytes: before a text is written as UTF-8, the most that this
   * may take, three for each UTF-16 unit. To count them costs a pass over the text.
   */
  get mostBytes(): number {
    return typeof this.#data === "string" ? this.#data.length * 3 : this.#data.byteLength;
  }

  /** The frame's bytes: all of them, or for a long binary message its head. */
  get bytes(): Buffer {
    this.#bytes ??= this.#make();
    return this.#bytes;
  }

  /** What follows {@link bytes}: the payload of a long binary message. */
  get payload(): Buffer | undefined {
    return this.#payload;
  }

  /**
   * Has it keep what it was made of, to be called before its bytes are read in a later turn: they
   * are their sender's, who may change them, or give them to a worker, as soon as `send` returns.
   */
  keep(): void {
    if (this.#isKept || typeof this.#data === "string") return;
    this.#isKept = true;
    this.#data = Buffer.from(asBuffer(this.#data));
  }

  /**
   * Writes the frame into a buffer that is there, in place of one of its own.
   *
   * @param at where it begins
   * @returns where it ends; 0 when it does not fit
   */
  writeInto(buffer: Buffer, at: number): number {
    const data = this.#data;
    // Not counted yet: a text has at least one byte for each UTF-16 unit.
    if (typeof data === "string" && at + data.length > buffer.length) return 0;
    const length = byteLength(data);
    const end = at + headBytes(length) + length;
    if (end > buffer.length) return 0;
    writeFrame(buffer, at, data, length);
    return end;
  }

  #make(): Buffer {
    const data = this.#data;
    const length = byteLength(data);
    const head = headBytes(length);
    if (typeof data === "string" || length <= COPY_BYTES) {
      const bytes = Buffer.allocUnsafe(head + length);
      writeFrame(bytes, 0, data, length);
      return bytes;
    }
    const bytes = Buffer.allocUnsafe(head);
    writeHead(bytes, 0, BINARY, length);
    // Node writes it when it can, which may be later.
    this.keep();
    this.#payload = this.#data as Buffer;
    return bytes;
  }
}

/**
 * Checks that something can be sent.
 *
 * @param remedy what to do about anything else, for the message
 * @throws TypeError with what was expected, what came and the remedy
 */
export function assertOutgoing(data: unknown, remedy = STRINGIFY): asserts data is Outgoing {
  if (typeof data === "string" || ArrayBuffer.isView(data) || isAnyArrayBuffer(data)) return;
  throw unsendable("a string or bytes to send", data, remedy);
}

/**
 * Checks that something can be published: what a topic retains is text.
 *
 * @throws TypeError with what was expected and what came
 */
export function assertText(data: unknown): asserts data is string {
  if (typeof data !== "string") throw unsendable("a string to publish", data, STRINGIFY);
}

function unsendable(what: string, data: unknown, remedy: string): TypeError {
  const got = data === null ? "null" : typeof data;
  return new TypeError(`expected ${what}, but got ${got}; ${remedy}`);
}

function writeFrame(bytes: Buffer, at: number, data: Outgoing, length: number): void {
  writeHead(bytes, at, typeof data === "string" ? TEXT : BINARY, length);
  const begin = at + headBytes(length);
  if (typeof data !== "string") bytes.set(asBuffer(data), begin);
  // As many bytes as UTF-16 units: it is ASCII, and copied twice as fast.
  else bytes.write(data, begin, length === data.length ? "latin1" : "utf8");
}

function byteLength(data: Outgoing): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}

function asBuffer(data: ArrayBufferView | ArrayBufferLike): Buffer {
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}

function headBytes(length: number): number {
  if (length <= SEVEN_BITS) return 2;
  return length <= SIXTEEN_BITS ? 4 : 10;
}

function writeHead(bytes: Buffer, at: number, opcode: number, length: number): void {
  bytes[at] = FIN | opcode;
  if (length <= SEVEN_BITS) bytes[at + 1] = length;
  else if (length <= SIXTEEN_BITS) {
    bytes[at + 1] = 126;
    bytes.writeUInt16BE(length, at + 2);
  } else {
    bytes[at + 1] = 127;
    bytes.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
    bytes.writeUInt32BE(length >>> 0, at + 6);
  }
}
