import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { WebSocket } from "ws";
import { countPieces, type PieceCounter } from "./pieces.ts";

/** The method of a {@link WireListener}: a symbol, for a connection's names are its users'. */
export const EVENT = Symbol("event");

/** The method of a {@link WireListener} that counts pieces of messages. */
export const PIECE = Symbol("piece");

/** What clients are told where ws refuses what they have sent; it gives the code only. */
const REASONS: Readonly<Record<number, string>> = {
  1002: "expected a WebSocket frame as RFC 6455 has it",
  1007: "expected text in UTF-8",
  1008: "too many small pieces for bytesPerSecond and maxMessageBytes",
  1009: "the message is longer than maxMessageBytes",
};

/** Who is told of the events of a {@link Wire}. */
export interface WireListener {
  /**
   * @param event one of ws's, or "closing" before a close frame is written
   * @param args what ws gives the event's listeners: (data, isBinary) or (code, reason); for
   *   "closing" the code
   */
  [EVENT](event: string | symbol, ...args: unknown[]): void;
  /** See {@link PieceCounter}. */
  [PIECE](bytes: number): boolean;
}

/** What ws has of its own that is used here, as of 8.23. */
interface Internals {
  readonly _receiver: Writable;
  setSocket(this: WebSocket, socket: Socket, head: Buffer, options: object): void;
}

/**
 * ws's own socket with one listener for all of its events, in place of one for each: an idle
 * connection is a tenth smaller without them, and a message is spared the way through them.
 *
 * ws makes it where a server names it in its option `WebSocket`.
 */
export class Wire extends WebSocket implements PieceCounter {
  /** To be set in the tick in which the socket opens, so that nothing goes by unheard. */
  listener: WireListener | undefined = undefined;

  /** What ws calls when it has upgraded the socket. */
  setSocket(socket: Socket, head: Buffer, options: object): void {
    const ws = WebSocket.prototype as unknown as Internals;
    ws.setSocket.call(this, socket, head, options);
    countPieces((this as unknown as Internals)._receiver, this);
  }

  /** See {@link PieceCounter}. */
  piece(bytes: number): boolean {
    return this.listener?.[PIECE](bytes) ?? true;
  }

  /**
   * Closes it, by us, in answer to the client, or by ws for what the client has sent: what was
   * sent before goes before.
   */
  override close(code?: number, data?: string | Buffer): void {
    this.listener?.[EVENT]("closing", code);
    super.close(code, data ?? (code === undefined ? undefined : REASONS[code]));
  }

  /** What ws calls for each event. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    if (!this.listener) return super.emit(event, first, second);
    this.listener[EVENT](event, first, second);
    return true;
  }
}
