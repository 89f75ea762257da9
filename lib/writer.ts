import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Frame } from "./frame.ts";

/** The number of this turn of the event loop, of those in which something is written. */
let turn = 0;
let inTurn = false;
/** The sockets that hold back what this turn writes to them. */
let held: Writer[] = [];

// One for all writers: a callback for each message would cost more than the rest of its writing.
function thisTurn(): number {
  if (!inTurn) {
    inTurn = true;
    process.nextTick(endTurn);
  }
  return turn;
}

function endTurn(): void {
  inTurn = false;
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
  readonly #direct: boolean;
  /** The last turn it wrote in, and how many messages. */
  #turn = -1;
  #writes = 0;
  #manyBefore = false;
  #held = false;

  constructor(ws: WebSocket, socket: Socket) {
    this.#ws = ws;
    this.#socket = socket;
    this.#direct = ws.extensions === "";
  }

  /**
   * Writes a frame.
   *
   * @param onFlushed called when the operating system has it, or the connection has ended
   */
  write(frame: Frame, onFlushed?: () => void): void {
    if (!this.#direct) {
      this.#ws.send(frame.data, onFlushed);
      return;
    }
    this.#count();
    if (this.#writes > 1 || this.#manyBefore) this.#hold();
    const { bytes, payload } = frame;
    if (payload) this.#socket.write(bytes);
    this.#socket.write(payload ?? bytes, onFlushed);
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
  }
}
