import { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Frame } from "./frame.ts";

/** As long as messages usually are, and a slow client's at most. */
const SCRATCH_BYTES = 16 * 1024 + 10;
/**
 * Where a message to one connection is framed: to make a buffer for each costs more than to fill
 * it, and its memory is never in the cache.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** The number of this turn of the event loop, of those in which something is written. */
let turn = 0;
/** Whether something has been written in it. */
let begun = false;
/** Whether a message has come since the last turn that was ended. */
let heard = false;
/** Whether its end is called for. */
let ending = false;
/** The sockets that hold back what this turn writes to them. */
let held: Writer[] = [];

/**
 * To be called for each message that comes: what it has written is of another turn than what was
 * written before. So a turn of a lone answer needs no callback at its end, which would cost more
 * than the rest of its writing.
 */
export function messageCame(): void {
  heard = true;
  if (!begun || ending) return;
  begun = false;
  turn++;
}

// A turn that no message has begun may be one of a timer: the next message may be far. After one
// that a message has begun, what a timer writes counts for the same turn, and is at worst held
// back until its own turn's end.
function thisTurn(): number {
  if (begun) return turn;
  begun = true;
  if (!heard) callForEnd();
  return turn;
}

function callForEnd(): void {
  if (ending) return;
  ending = true;
  process.nextTick(endTurn);
}

function endTurn(): void {
  begun = false;
  heard = false;
  ending = false;
  turn++;
  const writers = held;
  held = [];
  for (const writer of writers) writer.letGo();
}

/**
 * Writes the messages of one connection: what one turn of the event loop sends leaves in one
 * system call.
 *
 * Holding a message back costs more than it saves when no other one follows, and nobody knows
 * whether one will. So the turn before decides: after a turn with one message the first one leaves
 * at once, and only those behind it are held back until they are all there.
 *
 * It writes whole frames to the socket that ws writes its own pings, pongs and close frames to,
 * so their order is kept. Where ws holds frames back to compress them, it writes through ws.
 */
export class Writer {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #isDirect: boolean;
  /** Whether the socket may be given the scratch. */
  readonly #mayUseScratch: boolean;
  /** The last turn it wrote in, and how many messages. */
  #turn = -1;
  #writes = 0;
  #manyBefore = false;
  #held = false;

  /** @param isDirect whether frames may go to the socket past ws */
  constructor(ws: WebSocket, socket: Socket, isDirect: boolean) {
    this.#ws = ws;
    this.#socket = socket;
    this.#isDirect = isDirect;
    // TLS takes nothing at once, and another stream may keep what it has taken.
    this.#mayUseScratch = socket instanceof Socket && !("encrypted" in socket);
  }

  /**
   * Writes a frame.
   *
   * @param onFlushed called when the operating system has it, or the connection has ended
   */
  write(frame: Frame, onFlushed?: () => void): void {
    if (!this.#isDirect) {
      this.#ws.send(frame.data, onFlushed);
      return;
    }
    this.#count();
    if (this.#writes > 1 || this.#manyBefore) this.#hold();
    if (frame.isForOne && !this.#held && !onFlushed && this.#writeFromScratch(frame)) return;
    const { bytes, payload } = frame;
    if (payload) this.#socket.write(bytes);
    this.#socket.write(payload ?? bytes, onFlushed);
  }

  // What a socket takes at once is with the operating system when `write` returns. Of anything
  // that is left the socket holds the buffer itself, and so it is the socket's from then on.
  #writeFromScratch(frame: Frame): boolean {
    if (!this.#mayUseScratch || this.#socket.writableLength > 0) return false;
    const bytes = frame.writeInto(scratch);
    if (!bytes) return false;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return true;
  }

  /** Lets go what was held back. */
  letGo(): void {
    this.#held = false;
    this.#socket.uncork();
  }

  #count(): void {
    const now = thisTurn();
    if (this.#turn !== now) {
      this.#turn = now;
      this.#manyBefore = this.#writes > 1;
      this.#writes = 0;
    }
    this.#writes++;
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#socket.cork();
    held.push(this);
    callForEnd();
  }
}
