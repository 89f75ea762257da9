import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Frame } from "./frame.ts";

/** The sockets that hold back what this turn of the event loop writes to them. */
let held: Writer[] = [];

function letGoAll(): void {
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
  /** Messages of this turn, as far as it is known: those that the system has not got yet. */
  #writes = 0;
  #manyBefore = false;
  #held = false;
  #onWritten: (() => void) | undefined;

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
    this.#writes++;
    if (this.#writes > 1 || this.#manyBefore) this.#hold();
    const { bytes, payload } = frame;
    const onWritten = onFlushed ?? this.#written();
    if (payload) this.#socket.write(bytes);
    this.#socket.write(payload ?? bytes, onWritten);
  }

  /** Lets go what was held back. */
  letGo(): void {
    this.#held = false;
    this.#manyBefore = this.#writes > 1;
    this.#writes = 0;
    this.#socket.uncork();
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#socket.cork();
    if (held.push(this) === 1) process.nextTick(letGoAll);
  }

  // Node calls back when the turn has ended, or later when the system takes no more: what is
  // written until then is held back as well, which costs nothing that does not wait anyway.
  #written(): (() => void) | undefined {
    if (this.#held) return undefined;
    this.#onWritten ??= () => {
      if (!this.#held) this.#writes = 0;
    };
    return this.#onWritten;
  }
}
