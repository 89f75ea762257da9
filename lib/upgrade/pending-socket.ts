import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { linger } from "../http/refusal.ts";
import type { HandshakeResponse } from "./response.ts";

/** What becomes of a socket while its handshake waits for an answer. */
export interface PendingListener {
  /** The response has been written whole. */
  answered(res: ServerResponse): void;
  /** The socket has closed. */
  left(): void;
}

// On the objects themselves: a WeakMap costs its garbage collector a pass for every entry.
const LISTENER = Symbol("listener");

interface Marked {
  [LISTENER]?: PendingListener | undefined;
}

/** The socket of a handshake that has no answer yet. */
export class PendingSocket {
  /** The socket itself. */
  readonly socket: Socket & Marked;
  /** What earlier responses on the socket have taken. */
  readonly #writtenBefore: number;

  /**
   * @param socket a socket that the parser has left
   * @param head what the client sent after the request
   */
  constructor(socket: Socket & Marked, head: Buffer) {
    this.socket = socket;
    this.#writtenBefore = socket.bytesWritten;
    if (head.length > 0) socket.unshift(head);
  }

  /** Whether a response has the socket, and its end is watched for. */
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

  /** Takes a response off the socket: nothing of HTTP can reach the stream any more. */
  takeOff(res: HandshakeResponse): void {
    res.takeOff(this.socket, this.isWaiting);
    res.off("finish", onFinished);
  }

  /** Watches for nothing any more. */
  stop(): void {
    const { socket } = this;
    if (!this.isWaiting) return;
    socket[LISTENER] = undefined;
    socket.off("error", onError);
    socket.off("close", onClosed);
  }

  /** Ends the socket behind a response that has been written whole. */
  end(res: ServerResponse): void {
    res.detachSocket(this.socket);
    linger(this.socket);
  }

  /**
   * Whether other code has written to the socket. A response writes its own head first, but for
   * hints such as 103.
   */
  isWrittenTo(res: ServerResponse | undefined): boolean {
    return !res?.headersSent && this.socket.bytesWritten !== this.#writtenBefore;
  }

  /** Whether other code has upgraded the socket: it has written there, and it reads. */
  isTaken(res: ServerResponse): boolean {
    return this.isWrittenTo(res) && isRead(this.socket);
  }

  /** Leaves the socket to the code that has taken it. */
  leave(): void {
    // For good: an error that nobody listens for ends the process.
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

// As a WebSocket is, until it has ended: the parser of HTTP has left the socket.
function isRead(socket: Socket): boolean {
  const readers = socket.listenerCount("data") + socket.listenerCount("readable");
  return readers > 0 || socket.readableFlowing === true || !socket.writable;
}
