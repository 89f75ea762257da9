import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { WebSocket } from "ws";
import { countPieces, type PieceCounter } from "./pieces.ts";

/** The method of a {@link WireListener}: a symbol, for a connection's names are its users'. */
export const EVENT = Symbol("event");

/** The method of a {@link WireListener} that counts pieces of messages. */
export const PIECE = Symbol("piece");

/** The method of a {@link WireListener} that is asked whether a close of ws's has to wait. */
export const CLOSING = Symbol("closing");

const WIRE = Symbol("wire");

type Wired = Socket & { [WIRE]?: Wire };

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
   * @param event one of ws's
   * @param args what ws gives the event's listeners: (data, isBinary) or (code, reason)
   */
  [EVENT](event: string | symbol, ...args: unknown[]): void;
  /** See {@link PieceCounter}. */
  [PIECE](bytes: number): boolean;
  /** See `Closing.waits`. */
  [CLOSING](
    code: number | undefined,
    reason: string | Buffer | undefined,
    isHalf: boolean,
  ): boolean;
}

/** What ws has of its own that is used here, as of 8.23. */
interface Internals {
  readonly _receiver: Writable;
  readonly _socket: Wired;
  setSocket(this: WebSocket, socket: Socket, head: Buffer, options: object): void;
}

/** What ws itself does when a client has ended its half of the socket. */
let wsEnds: ((this: Socket) => void) | undefined;

/**
 * ws's own socket with one listener for all of its events, in place of one for each: an idle
 * connection is a tenth smaller without them, and a message is spared the way through them.
 *
 * ws answers a close frame, the end of the client's half and a bad frame at once; here the
 * listener may have that wait.
 *
 * ws makes it where a server names it in its option `WebSocket`.
 */
export class Wire extends WebSocket implements PieceCounter {
  /** To be set in the tick in which the socket opens, so that nothing goes by unheard. */
  listener: WireListener | undefined = undefined;

  /** What ws calls when it has upgraded the socket. */
  setSocket(socket: Wired, head: Buffer, options: object): void {
    const ws = WebSocket.prototype as unknown as Internals;
    ws.setSocket.call(this, socket, head, options);
    countPieces((this as unknown as Internals)._receiver, this);
    // The last one there is: ws has just added it.
    wsEnds ??= socket.listeners("end").at(-1) as typeof wsEnds;
    if (!wsEnds) return;
    socket[WIRE] = this;
    socket.off("end", wsEnds);
    socket.on("end", onEnd);
  }

  /** See {@link PieceCounter}. */
  piece(bytes: number): boolean {
    return this.listener?.[PIECE](bytes) ?? true;
  }

  /** What ws calls to close in answer to the client, or for what the client has sent. */
  override close(code?: number, data?: string | Buffer): void {
    const reason = data ?? (code === undefined ? undefined : REASONS[code]);
    if (!this.listener?.[CLOSING](code, reason, false)) this.closeNow(code, reason);
  }

  /** Sends a close frame now, unless one was sent; a client's that has come is then answered. */
  closeNow(code: number | undefined, reason: string | Buffer | undefined): void {
    super.close(code, reason);
  }

  /** Ends the server's half after the client's, as ws does by itself. */
  endNow(): void {
    wsEnds?.call((this as unknown as Internals)._socket);
  }

  /** What ws calls for each event. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    if (!this.listener) return super.emit(event, first, second);
    this.listener[EVENT](event, first, second);
    return true;
  }
}

function onEnd(this: Wired): void {
  const wire = this[WIRE];
  if (!wire?.listener?.[CLOSING](undefined, undefined, true)) wire?.endNow();
}
