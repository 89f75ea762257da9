import type { WebSocket } from "ws";
import { ticker, type Watched } from "../loop/ticker.ts";

/** The deadlines of an open connection. */
export interface LivenessOptions {
  /** How often the client is pinged, in milliseconds. Default 20,000. */
  heartbeatMs?: number;
  /** How long after a ping a silent client counts as gone, in milliseconds. Default 20,000. */
  pongTimeoutMs?: number;
  /**
   * How long a handler may leave a full queue unread before the server closes with 1008, in
   * milliseconds. Default 60,000.
   */
  unreadTimeoutMs?: number;
  /**
   * How long a message may take from its first byte to its last before the server closes with 1008,
   * in milliseconds. Default 30,000.
   */
  messageTimeoutMs?: number;
}

const HEARTBEAT_MS = 20_000;
const PONG_TIMEOUT_MS = 20_000;
const UNREAD_TIMEOUT_MS = 60_000;
const MESSAGE_TIMEOUT_MS = 30_000;
/** Ticks in the shortest interval: deadlines are late by a quarter at most. */
const TICKS_IN_INTERVAL = 4;

/**
 * The private state of ws's parser for an unfinished message: bytes that it could not use yet, the
 * part of a frame that it waits for (0: a new frame), the opcode of a message whose fragments have
 * not ended. ws has no public way to ask, and counting bytes is no help: they may end one message
 * and begin the next.
 */
interface Parsing {
  readonly _receiver: { _bufferedBytes: number; _state: number; _fragmented: number };
}

/** {@link LivenessOptions} with their defaults: one object for all connections of a route. */
export interface LivenessLimits extends Required<LivenessOptions> {
  /** How often a connection looks at the time, in milliseconds. */
  readonly periodMs: number;
}

/** Fills in the defaults. */
export function livenessLimits(options: LivenessOptions): LivenessLimits {
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
  const pongTimeoutMs = options.pongTimeoutMs ?? PONG_TIMEOUT_MS;
  const unreadTimeoutMs = options.unreadTimeoutMs ?? UNREAD_TIMEOUT_MS;
  const messageTimeoutMs = options.messageTimeoutMs ?? MESSAGE_TIMEOUT_MS;
  const shortest = Math.min(heartbeatMs, pongTimeoutMs, unreadTimeoutMs, messageTimeoutMs);
  const periodMs = Math.max(shortest / TICKS_IN_INTERVAL, 1);
  return { heartbeatMs, pongTimeoutMs, unreadTimeoutMs, messageTimeoutMs, periodMs };
}

/** Is called when the end of a connection takes too long. */
export interface Late {
  late(): void;
}

/** The part of a connection that a {@link Liveness} uses. */
export interface Ending {
  close(code: number, reason: string): void;
  /** Closes the connection once its handler is idle. */
  finish(code: number, reason: string): void;
  /** Destroys the socket: the client is gone. */
  terminate(): void;
}

/**
 * Watches one connection. Pings the client, and ends the connection when the client is gone, when
 * the handler does not read, or when a message never ends. It has no timer of its own.
 */
export class Liveness implements Watched {
  readonly #ws: WebSocket;
  readonly #connection: Ending;
  readonly #limits: LivenessLimits;

  #heardAt = ticker.now;
  #pingedAt = ticker.now;
  #unanswered = 0;
  #fullSince: number | undefined;
  #endAt = 0;
  #end: Late | undefined;
  #unfinishedSince: number | undefined;
  // A message has ended since the last tick: an unfinished message now is another one.
  #messageEnded = true;

  constructor(ws: WebSocket, connection: Ending, limits: LivenessLimits) {
    this.#ws = ws;
    this.#connection = connection;
    this.#limits = limits;
    ticker.add(this);
  }

  /** See {@link Watched}. */
  get periodMs(): number {
    return this.#limits.periodMs;
  }

  /** A whole message has come. */
  heard(): void {
    this.#heardAt = ticker.now;
    this.#messageEnded = true;
  }

  /** A ping or a pong has come. */
  heardControl(): void {
    this.#heardAt = ticker.now;
  }

  /**
   * Whether a pong answers one of the server's pings, which are empty. Each ping has one answer.
   */
  isAnswer(payload: Buffer): boolean {
    if (this.#unanswered === 0 || payload.length > 0) return false;
    this.#unanswered--;
    return true;
  }

  /** The queue of unread messages has become full (pause the client), or empty (resume). */
  unread(full: boolean): void {
    full ? this.#ws.pause() : this.#ws.resume();
    this.#fullSince = full ? ticker.now : undefined;
  }

  /**
   * The connection is about to end: calls `end.late()` after `ms`, and drops every other deadline.
   */
  endIn(ms: number, end: Late): void {
    this.#endAt = ticker.now + ms;
    this.#end = end;
  }

  /** Ends the watch. */
  stop(): void {
    ticker.delete(this);
  }

  /** See {@link Watched}. */
  tick(now: number): void {
    if (this.#end) {
      if (now >= this.#endAt) this.#end.late();
      return;
    }
    if (this.#fullSince !== undefined) {
      // The socket is paused and no pong can be read, so the pong deadline stands still.
      this.#heardAt = now;
      if (now - this.#fullSince >= this.#limits.unreadTimeoutMs)
        this.#connection.close(1008, "messages are not read");
      return;
    }
    if (this.#pingedAt > this.#heardAt && now - this.#pingedAt >= this.#limits.pongTimeoutMs) {
      this.#connection.terminate();
      return;
    }
    if (now - this.#pingedAt >= this.#limits.heartbeatMs && this.#heardAt >= this.#pingedAt)
      this.#ping(now);
    this.#checkUnfinished(now);
  }

  #ping(now: number): void {
    this.#pingedAt = now;
    // One millisecond earlier, so that an answer in the same tick counts.
    this.#heardAt = Math.min(this.#heardAt, now - 1);
    this.#unanswered++;
    this.#ws.ping();
  }

  #checkUnfinished(now: number): void {
    if (this.#messageEnded || !isUnfinished(this.#ws)) this.#unfinishedSince = undefined;
    this.#messageEnded = false;
    if (!isUnfinished(this.#ws)) return;
    this.#unfinishedSince ??= now;
    if (now - this.#unfinishedSince >= this.#limits.messageTimeoutMs) {
      this.#connection.finish(1008, "a message was begun and not ended");
    }
  }
}

function isUnfinished(ws: WebSocket): boolean {
  const { _bufferedBytes, _state, _fragmented } = (ws as unknown as Parsing)._receiver;
  return _bufferedBytes > 0 || _state > 0 || _fragmented > 0;
}
