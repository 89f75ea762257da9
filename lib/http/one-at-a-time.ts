import type {
  Server as HttpServer,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from "node:http";
import { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { ticker, type Watched } from "../loop/ticker.ts";
import { Turnstile } from "./turnstile.ts";

/** How long a response may wait for its client to read on, in milliseconds, by default. */
export const UNREAD_RESPONSE_MS = 30_000;

/** Ticks within that time: a connection is ended late by a quarter at most. */
const TICKS_IN_TIMEOUT = 4;

/** Ends the head of a request (RFC 9112 section 2.1); Node's parser takes no bare line feeds. */
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * How many bytes the parser is fed at once: up to the end of a head, so that it makes one request
 * at a time, but at least the shortest request, or enough of a body to be cheap. Up to twenty short
 * requests behind the end of a body can so be made early. They wait.
 */
const LEAST_OF_HEADS = 18;
const LEAST_OF_BODY = 512;

/**
 * How many requests that have come before an earlier answer left are begun in one turn of the event
 * loop, of all connections. Each costs some tenths of a millisecond. Were they begun at once, answers
 * that the kernel takes would follow one another without an end, and nothing else would be read; and
 * libuv accepts one connection a turn, so turns must stay short.
 */
const PIPELINED_PER_TURN = 8;
const pipelined = new Turnstile(PIPELINED_PER_TURN);

const UNREAD = Object.assign(new Error("expected the client to read its response on"), {
  code: "ETIMEDOUT",
});

const TURNS = Symbol("turns");

type Watching = Socket & {
  [TURNS]?: Turns | undefined;
  /** Whether Node has stopped reading, for much of what it has answered itself is unread. */
  readonly _paused?: boolean;
};

type Feed = (this: Socket, chunk: Buffer) => void;

/** The parts of a socket's handle that tell how much the kernel has not taken yet. */
interface Queueing {
  readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null;
}

interface Waiting {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Makes each connection of a server answer one request at a time: the server reads the next request
 * when the answer has left. Node's parser alone reads all requests that have come, and the app
 * begins all of them: it opens files and makes bodies for a client that reads nothing. Also ends
 * connections whose client stops reading its response.
 *
 * @param server a server without connections yet
 * @param listener answers a request
 * @param unreadMs how long a response may wait for its client to read on, in milliseconds
 * @returns the listener for the server's `request` event
 */
export function oneAtATime(
  server: HttpServer | HttpsServer,
  listener: RequestListener,
  unreadMs = UNREAD_RESPONSE_MS,
): RequestListener {
  // Runs after Node's own listener, which has put the parser on the socket.
  const event = server instanceof HttpsServer ? "secureConnection" : "connection";
  server.on(event, (socket: Watching) => {
    socket[TURNS] = new Turns(socket, listener, unreadMs);
  });
  // Node would answer it by itself, at once: it is a request like any other.
  server.on("checkExpectation", (req, res) => server.emit("request", req, res));
  return (req, res) => {
    const turns = (req.socket as Watching)[TURNS];
    if (turns) turns.add(req, res);
    else listener(req, res);
  };
}

/** The response that a connection is writing now, if any. */
export function owedOn(socket: Watching): ServerResponse | undefined {
  return socket[TURNS]?.current?.res;
}

/**
 * Releases a socket that leaves HTTP, and puts back the bytes that the parser was not fed.
 *
 * @returns whether the last request came before the answer to the previous one had left
 */
export function leaveHttp(socket: Watching): boolean {
  return socket[TURNS]?.leave() ?? false;
}

/** Ends a socket without a parser when its client stops reading the response. */
export function endIfUnread(socket: Socket, unreadMs = UNREAD_RESPONSE_MS): void {
  socket.setTimeout(unreadMs);
  socket.on("timeout", () => {
    if (socket.writableLength > 0) socket.destroy();
    else socket.setTimeout(unreadMs);
  });
}

/** Answers the requests of one connection, one after the other. */
class Turns implements Watched {
  readonly periodMs: number;
  /** The request that is answered now. */
  current: Waiting | undefined;

  readonly #socket: Watching;
  readonly #listener: RequestListener;
  readonly #feed: Feed | undefined;
  readonly #waiting: Waiting[] = [];
  #rest: Buffer | undefined;
  #isPaused = false;
  /** How many unread bytes came while an answer was on its way. */
  #early = 0;
  readonly #unreadMs: number;
  /** How many bytes the kernel had taken at the last progress, and when that was. */
  #taken = 0;
  #takenAt = ticker.now;

  constructor(socket: Watching, listener: RequestListener, unreadMs: number) {
    this.#socket = socket;
    this.#listener = listener;
    this.#unreadMs = unreadMs;
    this.periodMs = unreadMs / TICKS_IN_TIMEOUT;
    this.#feed = socket.listeners("data")[0] as Feed | undefined;
    if (this.#feed) {
      socket.off("data", this.#feed);
      socket.on("data", Turns.#onData);
    }
    socket.on("close", Turns.#onClosed);
    ticker.add(this);
  }

  /** A request has come. */
  add(req: IncomingMessage, res: ServerResponse): void {
    if (this.current) this.#waiting.push({ req, res });
    else this.#begin({ req, res });
  }

  /** See {@link leaveHttp}. */
  leave(): boolean {
    const socket = this.#socket;
    socket[TURNS] = undefined;
    ticker.delete(this);
    socket.off("data", Turns.#onData);
    socket.off("close", Turns.#onClosed);
    if (this.#rest) socket.unshift(this.#rest);
    this.#rest = undefined;
    return this.#early > 0;
  }

  /** See {@link Watched}. */
  tick(now: number): void {
    const socket = this.#socket;
    const { bytesWritten = 0, writeQueueSize = 0 } = (socket as Queueing)._handle ?? {};
    const taken = bytesWritten - writeQueueSize;
    const isRead = socket.writableLength === 0 || taken !== this.#taken;
    if (isRead) {
      this.#taken = taken;
      this.#takenAt = now;
    } else if (now >= this.#takenAt + this.#unreadMs) socket.destroy(UNREAD);
  }

  #begin(next: Waiting): void {
    this.current = next;
    next.res.once("close", this.#ended);
    this.#listener(next.req, next.res);
  }

  // After all other listeners for the end of the response.
  readonly #ended = (): void => process.nextTick(this.#next);

  readonly #next = (): void => {
    this.current = undefined;
    if (this.#waiting.length > 0 || this.#isPaused) pipelined.queue(this.#goOn);
  };

  readonly #goOn = (): void => {
    const socket = this.#socket;
    if (this.current || socket.destroyed || socket[TURNS] !== this) return;
    const next = this.#waiting.shift();
    if (next) this.#begin(next);
    else if (this.#isPaused && !socket._paused) {
      this.#isPaused = false;
      socket.resume();
    }
  };

  // While the body of this request still comes, the parser may make the next request, but not
  // later; nor when Node has paused the socket, because Node ends the process for what is fed then.
  get #isBusy(): boolean {
    const isOwing = this.#waiting.length > 0 || this.current?.req.complete === true;
    return isOwing || this.#socket._paused === true;
  }

  static readonly #onData = function (this: Watching, chunk: Buffer): void {
    const turns = this[TURNS];
    if (turns) turns.#read(chunk);
  };

  #read(chunk: Buffer): void {
    const socket = this.#socket;
    for (let at = 0; at < chunk.length; ) {
      if (this.#isBusy) {
        this.#isPaused = true;
        this.#early = chunk.length - at;
        socket.pause();
        socket.unshift(chunk.subarray(at));
        return;
      }
      const end = this.#endOfPart(chunk, at);
      this.#rest = end < chunk.length ? chunk.subarray(end) : undefined;
      this.#feed?.call(socket, at === 0 && !this.#rest ? chunk : chunk.subarray(at, end));
      this.#rest = undefined;
      this.#early = Math.max(this.#early - (end - at), 0);
      if (socket[TURNS] !== this || socket.destroyed) return;
      at = end;
    }
  }

  #endOfPart(chunk: Buffer, at: number): number {
    const least = at + (this.current ? LEAST_OF_BODY : LEAST_OF_HEADS);
    const found = chunk.indexOf(HEAD_END, least - HEAD_END.length);
    return found === -1 ? chunk.length : found + HEAD_END.length;
  }

  static readonly #onClosed = function (this: Watching): void {
    this[TURNS]?.leave();
  };
}
