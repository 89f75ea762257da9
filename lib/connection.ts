import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { assertSendable, type Closed, clipReason } from "./close-codes.ts";
import type { ConnectionLimits, Place } from "./connection-options.ts";
import { DEBTS, DELIVER, DELIVER_HELD, type Debts, type Indebted } from "./debts.ts";
import { assertOutgoing, Frame, MOST_HEAD_BYTES, type Outgoing } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Liveness } from "./liveness.ts";
import { Rate } from "./rate.ts";
import { type Codec, Misfit } from "./schema.ts";
import { messageCame } from "./turn.ts";
import { EVENT, type Wire, type WireListener } from "./wire.ts";
import { Writer } from "./writer.ts";

/** How long a client may take to answer a close frame before its socket is destroyed. */
export const CLOSE_TIMEOUT_MS = 2_000;

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
export class Connection<T = string, Out = unknown>
  implements AsyncIterable<T>, WireListener, Indebted
{
  /** The subprotocol that was negotiated, or "". */
  readonly protocol: string;

  /** What it is owed of topics; none before it is in one. */
  [DEBTS]: Debts | undefined = undefined;

  readonly #ws: Wire;
  readonly #socket: Socket;
  /** Whether ws holds nothing back, to compress it, so that frames may go past it. */
  readonly #isDirect: boolean;
  readonly #place: Place;
  readonly #limits: ConnectionLimits;
  readonly #openedAt = Date.now();
  // Not Inbox<T>: a connection of strings is also one of unknowns, for hubs and registries.
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  // Not the socket's state: a paused socket hands over its last messages after it has closed.
  #left = false;
  /** The code of the close frame that ws has sent by itself; 0 for none. */
  #refusedWith = 0;
  /** Unsent bytes that do not count for its bound, until it is below that. */
  #excusedBytes = 0;
  // Made when they are first asked for: an idle connection is small.
  #id: string | undefined;
  #writer: Writer | undefined;
  #rate: Rate | undefined;
  #abort: AbortController | undefined;
  #closed: Promise<Closed> | undefined;
  #resolveClosed: ((closed: Closed) => void) | undefined;
  #result: Closed | undefined;

  /**
   * Wraps an open WebSocket; call it in the tick in which the socket opens, so that no message
   * goes by unheard. Handlers get their connection from the framework.
   */
  constructor(ws: Wire, socket: Socket, limits: ConnectionLimits, place: Place) {
    this.#ws = ws;
    this.#place = place;
    this.#limits = limits;
    this.protocol = ws.protocol;
    this.#socket = socket;
    this.#isDirect = ws.extensions === "";
    this.#liveness = new Liveness(ws, this, limits.liveness);
    this.#inbox = new Inbox<unknown>(limits.queueMessages, this.#liveness);
    ws.listener = this;
  }

  /** Unique in this process and beyond: a random UUID. */
  get id(): string {
    this.#id ??= randomUUID();
    return this.#id;
  }

  /** When it was opened, ISO 8601 in UTC. */
  get since(): string {
    return new Date(this.#openedAt).toISOString();
  }

  /** See {@link Place.path}. */
  get path(): string {
    return this.#place.path;
  }

  /** See {@link Place.mountPath}. */
  get mountPath(): string {
    return this.#place.mountPath;
  }

  /** See {@link Place.address}; known while the connection is open. */
  get address(): string {
    return this.#place.address ?? "";
  }

  /** Resolves with the close code when the connection has ended; never rejects. */
  get closed(): Promise<Closed> {
    this.#closed ??= this.#result
      ? Promise.resolve(this.#result)
      : new Promise((resolve) => {
          this.#resolveClosed = resolve;
        });
    return this.#closed;
  }

  /** Whether messages can still be sent. */
  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** Whether a message would go out without waiting: open, and below the high-water mark. */
  get ready(): boolean {
    return this.open && this.bufferedBytes <= this.#limits.highWaterBytes;
  }

  /** Aborted when the connection ends, for work that must not outlive it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#result) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Bytes that are sent but not yet with the operating system. */
  get bufferedBytes(): number {
    return this.#writing().bufferedBytes;
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
    return this.sendFrame(new Frame(data, true));
  }

  /** As {@link send}, for a message that goes to many connections: its bytes are made once. */
  sendFrame(frame: Frame): Promise<boolean> {
    const debts = this[DEBTS];
    if (debts?.owing && !debts.pay()) return debts.later(frame, (later) => this.sendFrame(later));
    return this[DELIVER](frame);
  }

  /** See {@link DELIVER}. */
  [DELIVER](frame: Frame): Promise<boolean> {
    if (!this.open) return NOT_SENT;
    const { highWaterBytes, maxBufferedBytes } = this.#limits;
    const writer = this.#writing();
    const buffered = writer.bufferedBytes;
    if (buffered <= maxBufferedBytes) this.#excusedBytes = 0;
    else if (buffered > maxBufferedBytes + this.#excusedBytes) return this.#cutOff();
    writer.write(frame);
    if (frame.mostBytes > maxBufferedBytes) this.#excuse(buffered);
    const most = buffered + frame.mostBytes + MOST_HEAD_BYTES;
    return most > highWaterBytes ? writer.drained() : SENT;
  }

  /** See {@link DELIVER_HELD}. */
  [DELIVER_HELD](frames: readonly Frame[]): void {
    if (!this.open || frames.length === 0) return;
    const writer = this.#writing();
    // Once: who is behind by that much already has the bound of all.
    if (this.#excusedBytes > 0) for (const frame of frames) void this[DELIVER](frame);
    else {
      for (const frame of frames) writer.write(frame);
      this.#excuse(Number.NEGATIVE_INFINITY);
    }
  }

  // One message that is longer than the bound, a welcome say, must not cut off whoever reads it: the
  // bound is for what comes behind it. A second one is not excused before the first has gone.
  #excuse(bufferedBefore: number): void {
    const buffered = this.#writing().bufferedBytes;
    const isLong = buffered - bufferedBefore > this.#limits.maxBufferedBytes;
    if (isLong && this.#excusedBytes === 0) this.#excusedBytes = buffered;
  }

  /** Resolves when the buffer is below its high-water mark: true, or false at the end. */
  drained(): Promise<boolean> {
    return this.#writing().drained();
  }

  #writing(): Writer {
    const { highWaterBytes } = this.#limits;
    this.#writer ??= new Writer(this.#ws, this.#socket, this.#isDirect, highWaterBytes);
    return this.#writer;
  }

  /**
   * Sends a value as JSON, checked by the route's `send` schema if it has one.
   *
   * @returns as {@link send}
   * @throws TypeError when the value does not fit
   */
  sendJson(value: Out): Promise<boolean> {
    return this.send(this.#limits.codec?.encode(value) ?? JSON.stringify(value));
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
    // The inbox itself: one object less for every connection that waits.
    return this.#inbox as AsyncIterator<unknown, undefined> as AsyncIterator<T, undefined>;
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
    this.#writer?.end();
  }

  /**
   * Ends the connection as a handler that throws does: with 1011, or with the code of a
   * `CloseError`, and the error goes to the app's `error` event. For what does not run in its
   * handler, a timer say.
   */
  fail(error: unknown): void {
    if (this.#place.failed) this.#place.failed(error);
    else this.close(1011, "internal error");
  }

  /** Fires the app's `error` event, and the connection goes on: for what is no fault of its own. */
  report(error: unknown): void {
    this.#place.reported?.(error);
  }

  /** Destroys the socket without a close handshake, for a client that does not answer. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** See {@link WireListener}. */
  [EVENT](event: string | symbol, first: unknown, second: unknown): void {
    if (event === "closing") this.#closing(first as number | undefined);
    else messageCame();
    if (event === "message") this.#receive(first as Buffer, second as boolean);
    else if (event === "close") this.#end(first as number, second as Buffer);
    else if (event === "ping" || event === "pong") this.#liveness.heardControl();
    // Each is answered by ws, and costs as much as a message.
    if (event === "ping") this.#isInRate();
    // Of "error" nothing is to be done: ws closes by itself, and the close says why.
  }

  #closing(code: number | undefined): void {
    this[DEBTS]?.settle();
    this.#writer?.writeOut();
    // By ws itself: it then reads no more, and would tell 1006 for want of an answer.
    if (!this.#left) this.#refusedWith = code ?? 0;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#left || !this.#isInRate()) return;
    this.#liveness.heard();
    const { messages: kind, codec } = this.#limits;
    if (kind !== "both" && isBinary !== (kind === "binary")) {
      this.close(1003, `expected a ${kind} message, but got ${isBinary ? "binary" : "text"}`);
      return;
    }
    const message = isBinary ? data : data.toString();
    codec ? this.#decode(codec, message as string) : this.#inbox.push(message);
  }

  #decode(codec: Codec, text: string): void {
    try {
      const message = codec.decode(text);
      if (message instanceof Misfit) this.#answerMisfit(message);
      else this.#inbox.push(message.value);
    } catch (error) {
      this.fail(error);
    }
  }

  #answerMisfit(misfit: Misfit): void {
    const { invalid } = this.#limits;
    if (!invalid) return this.close(1007, misfit.message);
    const answer = invalid(misfit);
    if (answer !== undefined) void this.send(JSON.stringify(answer));
  }

  #isInRate(): boolean {
    const { messagesPerSecond, burstMessages } = this.#limits;
    this.#rate ??= new Rate(messagesPerSecond, burstMessages);
    if (this.#rate.take()) return true;
    this.close(1008, "too many messages a second");
    return false;
  }

  #cutOff(): Promise<boolean> {
    this.close(1013, `more than ${this.#limits.maxBufferedBytes} bytes behind`);
    return NOT_SENT;
  }

  #end(code: number, reason: Buffer): void {
    const closed: Closed = {
      code: code === 1006 ? this.#refusedWith || code : code,
      reason: reason.toString(),
    };
    this.#result = closed;
    this.#liveness.stop();
    this.#inbox.end();
    this.#writer?.end();
    this.#abort?.abort();
    this.#resolveClosed?.(closed);
    this.#place.ended?.(closed);
  }
}
