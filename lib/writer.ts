import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Frame } from "./frame.ts";

/**
 * Writes the messages of one connection: all that one turn of the event loop sends leaves in one
 * system call.
 *
 * It writes whole frames to the socket that ws writes its own pings, pongs and close frames to,
 * so their order is kept. Where ws holds frames back to compress them, it writes through ws.
 */
export class Writer {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #direct: boolean;
  #corked = false;

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
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(uncork, this);
    }
    const { parts } = frame;
    for (let i = 0; i < parts.length - 1; i++) this.#socket.write(parts[i] as Buffer);
    this.#socket.write(parts[parts.length - 1] as Buffer, onFlushed);
  }

  /** Lets go what this turn has written. */
  uncork(): void {
    this.#corked = false;
    this.#socket.uncork();
  }
}

function uncork(writer: Writer): void {
  writer.uncork();
}
