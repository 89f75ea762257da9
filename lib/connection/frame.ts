import { types } from "node:util";

/** What `send` takes: a string as text; a Buffer, another view or an ArrayBuffer as binary. */
export type Outgoing = string | ArrayBufferView | ArrayBufferLike;

// Not instanceof: test runners such as Jest give each test its own ArrayBuffer class.
const { isAnyArrayBuffer } = types;

const FIN = 0x80;
const TEXT = 1;
const BINARY = 2;
/** The longest frame header, for a message of more than 65,535 bytes. */
export const MOST_HEAD_BYTES = 10;
/** The longest payloads whose length fits 7 bits, and 16 bits (RFC 6455 section 5.2). */
const SEVEN_BITS = 125;
const SIXTEEN_BITS = 0xffff;
const STRINGIFY = "use JSON.stringify for objects";
/** Above this, copying the payload behind its header costs more than a second write. */
const COPY_BYTES = 16 * 1024;

/**
 * A message as it goes over the wire. All connections that are sent it share the same bytes. They
 * are not masked, as RFC 6455 section 5.1 requires of a server.
 */
export class Frame {
  /** Whether the message is for one connection only. */
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
   * An upper bound on the payload's length in bytes. For text it is three bytes for each UTF-16
   * unit, because an exact count costs a pass over the text.
   */
  get mostBytes(): number {
    return typeof this.#data === "string" ? this.#data.length * 3 : this.#data.byteLength;
  }

  /** The frame's bytes; of a long binary message only the header. */
  get bytes(): Buffer {
    this.#bytes ??= this.#make();
    return this.#bytes;
  }

  /** The payload of a long binary message, which follows {@link bytes}. */
  get payload(): Buffer | undefined {
    return this.#payload;
  }

  /**
   * Copies the caller's bytes. Call this before a later turn of the event loop reads them: the
   * caller may change them, or transfer them to a worker, as soon as `send` returns.
   */
  keep(): void {
    if (this.#isKept || typeof this.#data === "string") return;
    this.#isKept = true;
    this.#data = Buffer.from(asBuffer(this.#data));
  }

  /**
   * Writes the frame into an existing buffer.
   *
   * @param at where the frame begins
   * @returns where the frame ends; 0 when it does not fit
   */
  writeInto(buffer: Buffer, at: number): number {
    const data = this.#data;
    // A quick check before counting: a text has at least one byte for each UTF-16 unit.
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
    // Node may write the payload in a later turn.
    this.keep();
    this.#payload = this.#data as Buffer;
    return bytes;
  }
}

/**
 * Checks that `data` can be sent.
 *
 * @param remedy what the caller should do instead, for the error's message
 * @throws TypeError with what was expected, what came and the remedy
 */
export function assertOutgoing(data: unknown, remedy = STRINGIFY): asserts data is Outgoing {
  if (typeof data === "string" || ArrayBuffer.isView(data) || isAnyArrayBuffer(data)) return;
  throw unsendable("a string or bytes to send", data, remedy);
}

/**
 * Checks that `data` can be published: topics retain only text.
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
  // As many bytes as UTF-16 units means ASCII, which `latin1` copies twice as fast.
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
