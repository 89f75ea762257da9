import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { linger } from "../http/refusal.ts";
import type { HandshakeResponse } from "./response.ts";

/** Hears what happens to a socket while its handshake waits for an answer. */
export interface PendingListener {
  /** The response was written whole. */
  answered(res: ServerResponse): void;
  /** The socket has closed. */
  left(): void;
}

// A symbol on the objects, because the garbage collector has to visit every entry of a WeakMap.
const LISTENER = Symbol("listener");

interface Marked {
  [LISTENER]?: PendingListener | undefined;
}

/** The socket of a handshake that has no answer yet. */
export class PendingSocket {
  /** The socket itself. */
  readonly socket: Socket & Marked;
  /** Bytes that earlier responses have written to the socket. */
  readonly #writtenBefore: number;

  /**
   * @param socket a socket that Node's parser has left
   * @param head the bytes that the client sent after the request
   */
  constructor(socket: Socket & Marked, head: Buffer) {
    this.socket = socket;
    this.#writtenBefore = socket.bytesWritten;
    if (head.length > 0) socket.unshift(head);
  }

  /** Whether a response has the socket: between {@link wait} and {@link stop}. */
  get isWaiting(): boolean {
    return this.socket[LISTENER] !== undefined;
  }

  /** Gives the socket to a response, until {@link takeOff} or {@link stop}. */
  wait(res: HandshakeResponse & Marked, listener: PendingListener): void {
    const { socket } = this;
    socket[LISTENER] = listener;
    res[LISTENER] = listener;
    res.assignSocket(socket);
    res.on("finish", onFinished);
    socket.on("error", onError);
    socket.on("close", onClosed);
  }

  /** Takes a response off the socket, so that no HTTP can reach the stream any more. */
  takeOff(res: HandshakeResponse): void {
    res.takeOff(this.socket, this.isWaiting);
    res.off("finish", onFinished);
  }

  /** Stops watching the socket. */
  stop(): void {
    const { socket } = this;
    if (!this.isWaiting) return;
    socket[LISTENER] = undefined;
    socket.off("error", onError);
    socket.off("close", onClosed);
  }

  /** Ends the socket after a response that was written whole. */
  end(res: ServerResponse): void {
    res.detachSocket(this.socket);
    linger(this.socket);
  }

  /**
   * Whether other code has written to the socket. Before its head, a response writes only hints
   * such as 103, which count here too.
   */
  isWrittenTo(res: ServerResponse | undefined): boolean {
    return !res?.headersSent && this.socket.bytesWritten !== this.#writtenBefore;
  }

  /** Whether other code has upgraded the socket: it has written to the socket, and reads it. */
  isTaken(res: ServerResponse): boolean {
    return this.isWrittenTo(res) && isRead(this.socket);
  }

  /** Leaves the socket to the code that has taken it. */
  leave(): void {
    // Never removed: an error without a listener would end the process.
    this.socket.on("error", onError);
  }
}

function onFinished(this: ServerResponse & Marked): void {
  this[LISTENER]?.answered(this);
}

function onError(this: Socket): void {
  this.destroy();
}

function onClosed(this: Socket & Marked): void {
  this[LISTENER]?.left();
}

// Node's parser has left the socket, so only other code reads it, until the socket has ended.
function isRead(socket: Socket): boolean {
  const readers = socket.listenerCount("data") + socket.listenerCount("readable");
  return readers > 0 || socket.readableFlowing === true || !socket.writable;
}
