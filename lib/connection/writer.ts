import { Socket } from "node:net";
import type { WebSocket } from "ws";
import { atEndOfTurn, type Held, thisTurn } from "../loop/turn.ts";
import { type Frame, MOST_HEAD_BYTES } from "./frame.ts";

/** Most messages fit. A slow client may hold on to one scratch buffer of this size. */
const SCRATCH_BYTES = 16 * 1024 + MOST_HEAD_BYTES;
/**
 * The shared buffer in which messages to one connection are framed. A new buffer for each message
 * costs more than filling it, and its memory is never in the cache.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const NOTHING = Buffer.alloc(0);
const OPEN = Promise.resolve(true);
const NOT_OPEN = Promise.resolve(false);

/**
 * Writes the messages of one connection. All that one turn of the event loop sends leaves in one
 * system call.
 *
 * Holding a message back costs more than it saves when no other message follows, and the writer
 * cannot know whether one will. So the previous turn decides: after a turn with one message the
 * writer sends the first message at once, and holds back only those that follow until the turn
 * ends.
 *
 * The writer puts whole frames on the socket to which ws writes its own pings, pongs and close
 * frames. Call {@link writeOut} before ws sends a close frame. When ws compresses messages, the
 * writer sends through ws.
 */
export class Writer implements Held {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #isDirect: boolean;
  /** Whether the scratch buffer may be passed to the socket. */
  readonly #mayUseScratch: boolean;
  /** The last turn with a write, and how many writes it had. */
  #turn = -1;
  #writes = 0;
  #manyBefore = false;
  #isHeld = false;
  #isCorked = false;
  /** Frames that wait for the end of the turn, to be written with one call. */
  #waiting: Frame[] | undefined;
  #waitingBytes = 0;
  /** Messages that ws still holds, to read a Blob or to compress. Later messages go behind them. */
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
    // Without compression ws holds nothing back, so frames may bypass it.
    this.#isDirect = ws.extensions === "";
    // TLS never writes at once, and another kind of stream may keep the buffer.
    this.#mayUseScratch = socket instanceof Socket && !("encrypted" in socket);
  }

  /** An upper bound on the bytes that the operating system has not taken yet. */
  get bufferedBytes(): number {
    // The socket's own count is the shortest way: in a fan-out each further object is a cache miss.
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

  /** Writes a Blob as a binary message. ws reads the Blob; later messages go behind it. */
  writeBlob(blob: Blob): void {
    this.writeOut();
    this.#giveToWs(blob);
  }

  /**
   * Resolves with true when no more than `highWaterBytes` are buffered, or with false at the end.
   */
  drained(): Promise<boolean> {
    if (!this.#isOpen) return NOT_OPEN;
    if (this.#isDrained) return OPEN;
    this.#awaitFlush();
    return new Promise((resolve) => {
      this.#whoWaits ??= [];
      this.#whoWaits.push(resolve);
    });
  }

  /** The connection has ended: releases every caller that awaits {@link drained}. */
  end(): void {
    const waiting = this.#whoWaits;
    this.#whoWaits = undefined;
    for (const resolve of waiting ?? []) resolve(this.#isOpen);
  }

  /**
   * Writes the frames that wait for the end of the turn. Call it before a write that must follow
   * them.
   */
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

  // From here to the end of the turn the socket itself gathers the writes, of any number of bytes.
  // Each frame then needs a buffer of its own.
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

  // An empty write has a callback. Other writes (ws's pongs, for example) have none, and the socket
  // emits `drain` only above its own high-water mark.
  #awaitFlush(): void {
    // Messages that ws still holds have a callback, and the end of the connection calls end().
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

  // A message to many connections has its bytes already.
  #writeLone(frame: Frame): boolean {
    return frame.isForOne && this.#writeScratch([frame]);
  }

  // If the socket writes at once, the operating system has the bytes when `write` returns. If not,
  // the socket keeps the buffer, so the writer takes a new one.
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
