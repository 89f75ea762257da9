import type { Writable } from "node:stream";

/** The private parts of ws's parser that are used here, as of 8.23. */
interface Parser extends Writable {
  /** The parts of an unfinished frame that have come, one chunk for each read of the socket. */
  readonly _buffers: Buffer[];
  readonly _bufferedBytes: number;
  /** The part of a frame that the parser waits for; 0 for a new frame. */
  readonly _state: number;
  /** The opcode of an unfinished message in fragments; 0 for none. */
  readonly _fragmented: number;
  readonly _fragments: Buffer[];
  readonly _payloadLength: number;
  readonly _fin: boolean;
  createError(
    kind: ErrorConstructor,
    message: string,
    prefix: boolean,
    status: number,
    code: string,
  ): Error;
  dataMessage(done: Done): void;
  _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void;
}

type Done = (error?: Error) => void;

/**
 * What a fragment counts at least: ws's work for it equals that for so many bytes of a long
 * message.
 */
const FRAGMENT_BYTES = 1_024;
/**
 * What a read that brings a part of a frame counts at least. Packets on the internet are longer.
 */
const READ_BYTES = 512;
/**
 * How many pieces are kept as they came. Each takes some 700 bytes beside its content, so they take
 * 700 KiB; more pieces are copied into one.
 */
const MOST_LOOSE = 1_024;

/** Counts the pieces of messages. */
export interface PieceCounter {
  /**
   * @param bytes what a small piece counts beside its content
   * @returns false when that is too much: ws then closes with 1008
   */
  piece(bytes: number): boolean;
}

const COUNTER = Symbol("counter");
/** How many of the buffers, and of the fragments, are joined copies. */
const COPIES = Symbol("copies");

type Counted = Parser & {
  [COUNTER]: PieceCounter;
  [COPIES]: { buffers: number; fragments: number } | undefined;
};

/** The parser's own functions; ws exports its class, but not to TypeScript. */
let parser: Pick<Parser, "dataMessage" | "_write">;

/**
 * Makes ws's parser count the pieces of a message and join them. ws alone keeps a buffer for each
 * fragment, and for each read of the socket, until the message is whole.
 */
export function countPieces(receiver: Writable, counter: PieceCounter): void {
  const counted = receiver as Counted;
  parser ??= Object.getPrototypeOf(receiver);
  counted[COUNTER] = counter;
  counted[COPIES] = undefined;
  // All parsers get the same two functions, so that they share one hidden class.
  counted.dataMessage = dataMessage;
  counted._write = write;
}

function dataMessage(this: Counted, done: Done): void {
  if (this._fragmented > 0) {
    if (!isCounted(this, FRAGMENT_BYTES - this._payloadLength)) return done(tooMany(this));
    if (!this._fin && this._fragments.length >= MOST_LOOSE) {
      const copies = copiesOf(this);
      copies.fragments = joinTail(this._fragments, copies.fragments);
    }
  }
  parser.dataMessage.call(this, done);
}

function write(this: Counted, chunk: Buffer, encoding: BufferEncoding, done: Done): void {
  if (this._bufferedBytes > 0 || this._state > 0) {
    if (!isCounted(this, READ_BYTES - chunk.length)) return done(tooMany(this));
    if (this._buffers.length >= MOST_LOOSE) {
      const copies = copiesOf(this);
      copies.buffers = joinTail(this._buffers, copies.buffers);
    }
  }
  parser._write.call(this, chunk, encoding, done);
}

function isCounted(receiver: Counted, bytes: number): boolean {
  return bytes <= 0 || receiver[COUNTER].piece(bytes);
}

function copiesOf(receiver: Counted): { buffers: number; fragments: number } {
  receiver[COPIES] ??= { buffers: 0, fragments: 0 };
  return receiver[COPIES];
}

// Joins only the pieces since the last copy: to copy everything each time has quadratic cost.
function joinTail(pieces: Buffer[], copies: number): number {
  const from = pieces.length > copies ? copies : 0;
  if (pieces.length - from < MOST_LOOSE) return from;
  pieces.push(Buffer.concat(pieces.splice(from)));
  return from + 1;
}

function tooMany(receiver: Counted): Error {
  return receiver.createError(
    RangeError,
    "Too many small pieces",
    false,
    1008,
    "WS_ERR_TOO_MANY_BUFFERED_PARTS",
  );
}
