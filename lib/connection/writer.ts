import { Socket } from "node:net";
import type { WebSocket } from "ws";
import { atEndOfTurn, type Held, thisTurn } from "../loop/turn.ts";
import { type Frame, MOST_HEAD_BYTES } from "./frame.ts";

/** As long as most messages are: what one client that is slow to read may keep of it. */
const SCRATCH_BYTES = 16 * 1024 + MOST_HEAD_BYTES;
/**
 * Where a message to one connection is framed: to make a buffer for each costs more than to fill
 * it, and its memory is never in the cache.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const NOTHING = Buffer.alloc(0);
const OPEN = Promise.resolve(true);
const NOT_OPEN = Promise.resolve(false);

/**
 * Writes the messages of one connection: what one turn of the event loop sends leaves in one
 * system call.
 *
 * Holding a message back costs more than it saves when no other one follows, and nobody knows
 * whether one will. So the turn before decides: after a turn with one message the first one leaves
 * at once, and only those behind it are held back until they are all there.
 *
 * It writes whole frames to the socket that ws writes its own pings, pongs and close frames to;
 * before a close frame it is to be told to write out what waits. Where ws holds frames back to
 * compress them, it writes through ws.
 */
export class Writer implements Held {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #isDirect: boolean;
  /** Whether the socket may be given the scratch. */
  readonly #mayUseScratch: boolean;
  /** The last turn it wrote in, and how many messages. */
  #turn = -1;
  #writes = 0;
  #manyBefore = false;
  #isHeld = false;
  #isCorked = false;
  /** What waits for the end of the turn, to be written with one call. */
  #waiting: Frame[] | undefined;
  #waitingBytes = 0;
  /** Messages that ws has, to read a Blob or to compress: what follows goes behind them. */
  #withWs = 0;
  readonly #highWaterBytes: number;
  #whoWaits: ((isOpen: boolean) => void)[] | undefined;
  #isFlushing = false;

  /**
   * @param highWaterBytes see {@link drained}
   */
  constructor(ws: WebSocket, socket: Socket, highWaterBytes: number) {
    this.#highWaterBytes = highWaterBytes;
    this.#ws = ws;
    this.#socket = socket;
    // Where ws holds nothing back, to compress it, frames may go past it.
    this.#isDirect = ws.extensions === "";
    // TLS takes nothing at once, and another stream may keep what it has taken.
    this.#mayUseScratch = socket instanceof Socket && !("encrypted" in socket);
  }

  /** Bytes that are written but not yet with the operating system, at most. */
  get bufferedBytes(): number {
    // The socket's own figure is nearer: in a fan-out each object that is asked is a cache miss.
    const isDirect = this.#isDirect && this.#withWs === 0;
    const elsewhere = isDirect ? this.#socket.writableLength : this.#ws.bufferedAmount;
    return elsewhere + this.#waitingBytes;
  }

  /** Writes a frame. */
  write(frame: Frame): void {
    if (!this.#isDirect || this.#withWs > 0) {
      frame.keep();
      return this.#giveToWs(frame.data as string | Buffer);
    }
    this.#count();
    if (this.#writes > 1 || this.#manyBefore) this.#hold();
    if (this.#isHeld ? this.#wait(frame) : this.#writeLone(frame)) return;
    if (this.#isHeld) this.#cork();
    this.#write(frame);
  }

  /** Writes a Blob as a binary message: ws reads it, and what is written meanwhile follows it. */
  writeBlob(blob: Blob): void {
    this.writeOut();
    this.#giveToWs(blob);
  }

  /** Resolves when no more than `highWaterBytes` are buffered: true, or false at the end. */
  drained(): Promise<boolean> {
    if (!this.#isOpen) return NOT_OPEN;
    if (this.#isDrained) return OPEN;
    this.#awaitFlush();
    return new Promise((resolve) => {
      this.#whoWaits ??= [];
      this.#whoWaits.push(resolve);
    });
  }

  /** Nothing is written any more: who waits need not. */
  end(): void {
    const waiting = this.#whoWaits;
    this.#whoWaits = undefined;
    for (const resolve of waiting ?? []) resolve(this.#isOpen);
  }

  /** Writes what waits for the end of the turn: to be called before anything that must follow it. */
  writeOut(): void {
    const frames = this.#waiting;
    if (!frames) return;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    if (!this.#socket.writable || this.#writeScratch(frames)) return;
    this.#cork();
    for (const frame of frames) this.#write(frame);
  }

  /** See {@link Held}. */
  letGo(): void {
    this.writeOut();
    this.#isHeld = false;
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  }

  // From here to the end of the turn the socket itself gathers what is written to it: it takes any
  // number of bytes, and each of its own for itself.
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    this.writeOut();
  }

  #write({ bytes, payload }: Frame): void {
    this.#socket.write(bytes);
    if (payload) this.#socket.write(payload);
  }

  get #isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  get #isDrained(): boolean {
    return this.bufferedBytes <= this.#highWaterBytes;
  }

  // It takes a write: whatever else is behind (ws's pongs, say) tells nobody when it has gone, and
  // the socket's `drain` comes only for more than the socket likes to hold.
  #awaitFlush(): void {
    // What ws has not written yet tells by itself, and so does the end of the connection.
    if (this.#isFlushing || this.#withWs > 0 || !this.#socket.writable) return;
    this.#isFlushing = true;
    this.writeOut();
    this.#socket.write(NOTHING, () => {
      this.#isFlushing = false;
      this.#flushed();
    });
  }

  #flushed(): void {
    if (!this.#whoWaits) return;
    if (!this.#isOpen || this.#isDrained) this.end();
    else this.#awaitFlush();
  }

  #giveToWs(data: string | Buffer | Blob): void {
    this.#withWs++;
    this.#waitingBytes += MOST_HEAD_BYTES;
    this.#ws.send(data as Buffer, () => {
      this.#withWs--;
      this.#waitingBytes -= MOST_HEAD_BYTES;
      this.#flushed();
    });
  }

  #wait(frame: Frame): boolean {
    if (this.#isCorked || !this.#mayUseScratch) return false;
    const bytes = frame.mostBytes + MOST_HEAD_BYTES;
    if (this.#waitingBytes + bytes > SCRATCH_BYTES) return false;
    this.#waitingBytes += bytes;
    frame.keep();
    this.#waiting ??= [];
    this.#waiting.push(frame);
    return true;
  }

  // One that many are sent has its bytes already.
  #writeLone(frame: Frame): boolean {
    return frame.isForOne && this.#writeScratch([frame]);
  }

  // What a socket takes at once is with the operating system when `write` returns. Of anything
  // that is left the socket holds the buffer itself, and so it is the socket's from then on.
  #writeScratch(frames: readonly Frame[]): boolean {
    if (!this.#mayUseScratch || this.#isCorked || this.#socket.writableLength > 0) return false;
    let end = 0;
    for (const frame of frames) {
      end = frame.writeInto(scratch, end);
      if (end === 0) return false;
    }
    this.#socket.write(scratch.subarray(0, end));
    if (this.#socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return true;
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
    if (this.#isHeld) return;
    this.#isHeld = true;
    atEndOfTurn(this);
  }
}
