import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { WebSocket } from "ws";
import { countPieces, type PieceCounter } from "./pieces.ts";

/**
 * The method of a {@link WireListener} for events. A symbol, so that it cannot clash with a name of
 * the public interface.
 */
export const EVENT = Symbol("event");

/** The method of a {@link WireListener} that counts pieces of messages. */
export const PIECE = Symbol("piece");

/** The method of a {@link WireListener} that decides whether a close by ws has to wait. */
export const CLOSING = Symbol("closing");

const WIRE = Symbol("wire");

type Wired = Socket & { [WIRE]?: Wire };

/** The close reasons when ws refuses a client's data: ws itself sends only the code. */
const REASONS: Readonly<Record<number, string>> = {
  1002: "expected a well-formed WebSocket frame (RFC 6455)",
  1007: "expected text in UTF-8",
  1008: "too many small pieces for bytesPerSecond and maxMessageBytes",
  1009: "the message is longer than maxMessageBytes",
};

/** Receives the events of a {@link Wire}. */
export interface WireListener {
  /**
   * @param event the name of a ws event
   * @param args the arguments of ws's event: (data, isBinary) or (code, reason)
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

/** The private parts of ws that are used here, as of 8.23. */
interface Internals {
  readonly _receiver: Writable;
  readonly _socket: Wired;
  setSocket(this: WebSocket, socket: Socket, head: Buffer, options: object): void;
}

/** ws's own listener for the end of the client's half of the socket. */
let wsEnds: ((this: Socket) => void) | undefined;

/**
 * ws's own socket, with one listener for all events instead of one for each. That makes an idle
 * connection a tenth smaller, and the path of a message shorter.
 *
 * Every close by ws passes here: its answer to a close frame, to the end of the client's half, or
 * to a bad frame. ws alone answers at once; here the listener may delay the answer.
 *
 * ws creates it when a server names it in its option `WebSocket`.
 */
export class Wire extends WebSocket implements PieceCounter {
  /** Set this in the tick in which the socket opens, or events are lost. */
  listener: WireListener | undefined = undefined;

  /** ws calls this when it has upgraded the socket. */
  setSocket(socket: Wired, head: Buffer, options: object): void {
    const ws = WebSocket.prototype as unknown as Internals;
    ws.setSocket.call(this, socket, head, options);
    countPieces((this as unknown as Internals)._receiver, this);
    // The last listener: ws has just added it.
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

  /** ws calls this to answer the client's close frame, or to refuse the client's data. */
  override close(code?: number, data?: string | Buffer): void {
    const reason = data ?? (code === undefined ? undefined : REASONS[code]);
    if (!this.listener?.[CLOSING](code, reason, false)) this.closeNow(code, reason);
  }

  /**
   * Sends a close frame now, unless the server has sent one. It also answers a close frame of the
   * client.
   */
  closeNow(code: number | undefined, reason: string | Buffer | undefined): void {
    super.close(code, reason);
  }

  /** Ends the server's half after the client's, as ws does by itself. */
  endNow(): void {
    wsEnds?.call((this as unknown as Internals)._socket);
  }

  /** ws calls this for each event. */
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
