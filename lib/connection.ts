import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import type { RawData, WebSocket } from "ws";
import { assertSendable, clipReason } from "./close-codes.ts";
import { assertOutgoing, Frame, type Outgoing } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Liveness, type LivenessOptions } from "./liveness.ts";
import { Rate } from "./rate.ts";
import { type Codec, Misfit } from "./schema.ts";
import { Writer } from "./writer.ts";

/** Which kinds of message a route takes; another kind closes 1003. */
export type MessageKind = "text" | "binary" | "both";

/** The limits of one connection. */
export interface ConnectionOptions extends LivenessOptions {
  /** What the handler reads: `text` (strings), `binary` (Buffers) or `both`. Default `text`. */
  messages?: MessageKind;
  /** Unread messages at which reading from the socket pauses. Default 64. */
  queueMessages?: number;
  /** Unsent bytes at which `await send()` waits. Default 64 KiB. */
  highWaterBytes?: number;
  /** Unsent bytes at which the client is cut off with 1013. Default 1 MiB. */
  maxBufferedBytes?: number;
  /** Messages and pings a second that a client may send in the long run; then 1008. Default 100. */
  messagesPerSecond?: number;
  /** Messages and pings that may come at once. Default 500. */
  burstMessages?: number;
  /** Reads and writes the messages of a route with schemas. */
  codec?: Codec;
  /** The answer to a message that does not fit, sent as JSON; without it the close is 1007. */
  invalid?: (misfit: Misfit) => unknown;
}

/** Where a connection's handshake was accepted. */
export interface Place {
  /** The target of the handshake without the query, as it came. */
  readonly path: string;
  /** The whole prefix of the app that accepted it, without a final slash; "" at the root. */
  readonly mountPath: string;
  /** Told of the end of the connection. */
  ended?(closed: Closed): void;
}

/** How a connection ended: the close frame's code and reason, or 1005/1006 without one. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const QUEUE_MESSAGES = 64;
const HIGH_WATER_BYTES = 64 * 1024;
/** Sixteen full buffers: a client this far behind will not catch up. */
const MAX_BUFFERED_BYTES = 16 * HIGH_WATER_BYTES;
const MESSAGES_PER_SECOND = 100;
const BURST_MESSAGES = 500;
/** How long a client may take to answer a close frame before its socket is destroyed. */
export const CLOSE_TIMEOUT_MS = 2_000;

const NOWHERE: Place = { path: "", mountPath: "" };
const SENT = Promise.resolve(true);
const NOT_SENT = Promise.resolve(false);

/**
 * One WebSocket connection, as a handler sees it: an async iterable of messages with `send` and
 * `close`. The loop ends when the client leaves, so what follows the loop is the clean-up.
 *
 * ```ts
 * for await (const text of socket) await socket.send(`Message text was: ${text}`);
 * ```
 */
export class Connection<T = string, Out = unknown> implements AsyncIterable<T> {
  /** Unique in this process and beyond: a random UUID. */
  readonly id: string = randomUUID();
  /** When it was opened, ISO 8601 in UTC. */
  readonly since: string = new Date().toISOString();
  /** See {@link Place.path}. */
  readonly path: string;
  /** See {@link Place.mountPath}. */
  readonly mountPath: string;
  /** The subprotocol that was negotiated, or "". */
  readonly protocol: string;
  /** Resolves with the close code when the connection has ended; never rejects. */
  readonly closed: Promise<Closed>;

  readonly #ws: WebSocket;
  readonly #kind: MessageKind;
  readonly #highWater: number;
  readonly #maxBuffered: number;
  // Not Inbox<T>: a connection of strings is also one of unknowns, for hubs and registries.
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  readonly #writer: Writer;
  readonly #rate: Rate;
  readonly #codec: Codec | undefined;
  readonly #invalid: ((misfit: Misfit) => unknown) | undefined;
  // Not the socket's state: a paused socket hands over its last messages after it has closed.
  #left = false;
  #flushed: (() => void)[] = [];
  #abort: AbortController | undefined;
  #result: Closed | undefined;

  /**
   * Wraps an open WebSocket; call it in the tick in which the socket opens, so that no message
   * goes by unheard. Handlers get their connection from the framework.
   */
  constructor(
    ws: WebSocket,
    socket: Socket,
    options: ConnectionOptions = {},
    place: Place = NOWHERE,
  ) {
    this.#ws = ws;
    this.path = place.path;
    this.mountPath = place.mountPath;
    this.protocol = ws.protocol;
    this.#kind = options.messages ?? "text";
    this.#codec = options.codec;
    this.#invalid = options.invalid;
    this.#highWater = options.highWaterBytes ?? HIGH_WATER_BYTES;
    this.#maxBuffered = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES;
    this.#writer = new Writer(ws, socket);
    this.#rate = new Rate(
      options.messagesPerSecond ?? MESSAGES_PER_SECOND,
      options.burstMessages ?? BURST_MESSAGES,
    );
    this.#liveness = new Liveness(ws, this.#actions, options);
    this.#inbox = new Inbox<unknown>(options.queueMessages ?? QUEUE_MESSAGES, (full) => {
      full ? ws.pause() : ws.resume();
      this.#liveness.unread(full);
    });
    ws.on("message", (data, isBinary) => this.#receive(data, isBinary));
    ws.on("ping", () => this.#isInRate());
    // Without a listener an oversized frame is an uncaught exception; ws closes by itself.
    ws.on("error", () => {});
    this.closed = new Promise((resolve) => {
      ws.once("close", (code, reason) => {
        resolve(this.#end(code, reason));
        place.ended?.(this.#result as Closed);
      });
    });
  }

  /** Whether messages can still be sent. */
  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** Whether a message would go out without waiting: open, and below the high-water mark. */
  get ready(): boolean {
    return this.open && this.bufferedBytes <= this.#highWater;
  }

  /** Aborted when the connection ends, for work that must not outlive it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#result) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Bytes that are sent but not yet with the operating system. */
  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /**
   * Sends one message. Awaiting it waits while the client's buffer is above its high-water mark,
   * so that a slow reader slows its own handler and nobody else.
   *
   * @param data a string for a text message, bytes for a binary one
   * @returns true when the message is on its way, false when the connection has ended; it never
   *   throws for a client that is gone. A client behind by more than `maxBufferedBytes` is
   *   closed 1013.
   * @throws TypeError when `data` is neither text nor bytes
   */
  send(data: Outgoing): Promise<boolean> {
    assertOutgoing(data);
    return this.sendFrame(new Frame(data));
  }

  /** As {@link send}, for a message that goes to many connections: its bytes are made once. */
  sendFrame(frame: Frame): Promise<boolean> {
    if (!this.open) return NOT_SENT;
    const buffered = this.bufferedBytes;
    if (buffered > this.#maxBuffered) return this.#cutOff();
    const mayFill = buffered + frame.mostBytes > this.#highWater;
    this.#writer.write(frame, mayFill ? this.#onFlushed : undefined);
    return mayFill ? this.drained() : SENT;
  }

  /** Resolves when the buffer is below its high-water mark: true, or false at the end. */
  drained(): Promise<boolean> {
    if (!this.open) return NOT_SENT;
    if (this.bufferedBytes <= this.#highWater) return SENT;
    return new Promise((resolve) => {
      this.#flushed.push(() => resolve(this.open));
    });
  }

  /**
   * Sends a value as JSON, checked by the route's `send` schema if it has one.
   *
   * @returns as {@link send}
   * @throws TypeError when the value does not fit
   */
  sendJson(value: Out): Promise<boolean> {
    return this.send(this.#codec?.encode(value) ?? JSON.stringify(value));
  }

  /**
   * Takes the next message, for protocols that are not a plain loop.
   *
   * @returns the message, or undefined when the connection has ended
   */
  async receive(): Promise<T | undefined> {
    return (await this.#inbox.next()).value as T | undefined;
  }

  /** The messages in order, until the connection ends. Leaving the loop early keeps it open. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#inbox.next() as Promise<IteratorResult<T, undefined>> };
  }

  /**
   * Closes the connection. Unread messages are dropped; a second call does nothing.
   *
   * @param code default 1000
   * @param reason default ""; clipped to 123 UTF-8 bytes
   * @throws RangeError for a code that may not be sent
   */
  close(code = 1000, reason = ""): void {
    assertSendable(code);
    if (this.#left) return;
    this.#left = true;
    if (!this.open) {
      // The client has closed its half. If it does not read what is left, nothing else ends this.
      this.#liveness.endIn(CLOSE_TIMEOUT_MS);
      return;
    }
    this.#ws.close(code, clipReason(reason));
    this.#inbox.end(true);
    this.#liveness.stop();
    // A paused socket would never read the client's answer and end as 1006.
    this.#ws.resume();
    this.#settleFlushed();
  }

  /** Destroys the socket without a close handshake, for a client that does not answer. */
  terminate(): void {
    this.#ws.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#left || !this.#isInRate()) return;
    this.#liveness.heard();
    if (this.#kind !== "both" && isBinary !== (this.#kind === "binary")) {
      this.close(1003, `expected a ${this.#kind} message, but got ${isBinary ? "binary" : "text"}`);
      return;
    }
    const message = isBinary ? data : data.toString();
    this.#codec ? this.#decode(this.#codec, message as string) : this.#inbox.push(message);
  }

  #decode(codec: Codec, text: string): void {
    const message = codec.decode(text);
    if (!(message instanceof Misfit)) this.#inbox.push(message.value);
    else if (this.#invalid) void this.send(JSON.stringify(this.#invalid(message)));
    else this.close(1007, message.message);
  }

  #isInRate(): boolean {
    if (this.#rate.take()) return true;
    this.close(1008, "too many messages a second");
    return false;
  }

  readonly #actions = {
    violate: (reason: string) => this.close(1008, reason),
    gone: () => this.terminate(),
  };

  readonly #onFlushed = (): void => {
    if (this.bufferedBytes <= this.#highWater) this.#settleFlushed();
  };

  #settleFlushed(): void {
    const waiting = this.#flushed;
    this.#flushed = [];
    for (const settle of waiting) settle();
  }

  #cutOff(): Promise<boolean> {
    this.close(1013, `more than ${this.#maxBuffered} bytes behind`);
    return NOT_SENT;
  }

  #end(code: number, reason: Buffer): Closed {
    this.#result = { code, reason: reason.toString() };
    this.#liveness.stop();
    this.#inbox.end();
    this.#settleFlushed();
    this.#abort?.abort();
    return this.#result;
  }
}
