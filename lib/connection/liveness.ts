import type { WebSocket } from "ws";
import { type Watched, wheel } from "../loop/ticker.ts";

/** How a connection shows that it is alive, and how long it may take for what. */
export interface LivenessOptions {
  /** How often the client is pinged, in milliseconds. Default 20,000. */
  heartbeatMs?: number;
  /** How long after a ping silence means that the client is gone, in milliseconds. Default 20,000. */
  pongTimeoutMs?: number;
  /** How long a full queue may stay unread before the close with 1008, in milliseconds. Default 60,000. */
  unreadTimeoutMs?: number;
  /** How long a message may take from its first byte to its last; then 1008. Default 30,000. */
  messageTimeoutMs?: number;
}

const HEARTBEAT_MS = 20_000;
const PONG_TIMEOUT_MS = 20_000;
const UNREAD_TIMEOUT_MS = 60_000;
const MESSAGE_TIMEOUT_MS = 30_000;
/** Ticks in the shortest interval: deadlines are late by a quarter at most. */
const TICKS_IN_INTERVAL = 4;

/**
 * What ws's parser knows of a message that has begun: the bytes it could not use yet, the part of
 * a frame it waits for (0: a new one), the opcode of a message whose fragments have not ended.
 * ws tells nobody of it, and bytes alone do not: they may end one message and begin the next.
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

/** What a connection that is to end is told when that takes too long. */
export interface Late {
  late(): void;
}

/** What a {@link Liveness} does to its connection. */
export interface Ending {
  close(code: number, reason: string): void;
  /** Closes it once its handler is idle. */
  finish(code: number, reason: string): void;
  /** Ends it without a word: the client is gone. */
  terminate(): void;
}

/**
 * Watches one connection: pings it, and finds out that it is gone, that its messages are not
 * read, or that one of its messages never ends. It has no timer of its own.
 */
export class Liveness implements Watched {
  readonly #ws: WebSocket;
  readonly #connection: Ending;
  readonly #limits: LivenessLimits;

  #heardAt = wheel.now;
  #pingedAt = wheel.now;
  #unanswered = 0;
  #fullSince: number | undefined;
  #endAt = 0;
  #end: Late | undefined;
  #unfinishedSince: number | undefined;
  // A message has ended since the last tick: what is unfinished now is another one.
  #messageEnded = true;

  constructor(ws: WebSocket, connection: Ending, limits: LivenessLimits) {
    this.#ws = ws;
    this.#connection = connection;
    this.#limits = limits;
    wheel.add(this);
  }

  /** See {@link Watched}. */
  get periodMs(): number {
    return this.#limits.periodMs;
  }

  /** A message has come whole. */
  heard(): void {
    this.#heardAt = wheel.now;
    this.#messageEnded = true;
  }

  /** A ping or a pong has come. */
  heardControl(): void {
    this.#heardAt = wheel.now;
  }

  /** Whether a pong answers one of our pings, which carry nothing; each is answered once. */
  isAnswer(payload: Buffer): boolean {
    if (this.#unanswered === 0 || payload.length > 0) return false;
    this.#unanswered--;
    return true;
  }

  /** The queue of unread messages is full, or no longer: the client has to wait, or may go on. */
  unread(full: boolean): void {
    full ? this.#ws.pause() : this.#ws.resume();
    this.#fullSince = full ? wheel.now : undefined;
  }

  /** It is on its way to its end: in so many milliseconds that is late, and nothing else counts. */
  endIn(ms: number, end: Late): void {
    this.#endAt = wheel.now + ms;
    this.#end = end;
  }

  /** Ends the watch. */
  stop(): void {
    wheel.delete(this);
  }

  /** See {@link Watched}. */
  tick(now: number): void {
    if (this.#end) {
      if (now >= this.#endAt) this.#end.late();
      return;
    }
    if (this.#fullSince !== undefined) {
      // The socket is paused: a pong would not be read, so the pong clock stands still.
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
    // A moment before: an answer in the same tick counts.
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
