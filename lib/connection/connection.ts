import type { Socket } from "node:net";
import { assertSendable, type Closed, clipReason } from "../close-codes.ts";
import { messageCame } from "../loop/turn.ts";
import { Backpressure } from "./backpressure.ts";
import { Closing } from "./closing.ts";
import { DEBTS, DELIVER, DELIVER_HELD, type Debts, type Indebted } from "./debts.ts";
import { assertOutgoing, Frame, type Outgoing } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Intake } from "./intake.ts";
import { Liveness } from "./liveness.ts";
import { Opened } from "./opened.ts";
import type { ConnectionLimits, Place } from "./options.ts";
import { CLOSING, EVENT, PIECE, type Wire, type WireListener } from "./websocket.ts";

const NOT_SENT = Promise.resolve(false);

/**
 * One WebSocket connection, as a handler sees it: an async iterable of messages with `send` and
 * `close`. The loop ends when the client leaves, so code after the loop cleans up.
 *
 * ```ts
 * app.websocket("/echo", async (socket) => {
 *   for await (const text of socket) await socket.send(`Message text was: ${text}`);
 * });
 * ```
 */
export class Connection<T = string, Out = unknown>
  extends Opened
  implements AsyncIterable<T>, WireListener, Indebted
{
  /** The subprotocol that was negotiated, or "". */
  readonly protocol: string;

  /** Messages of topics that it has not been sent yet; undefined before it joins a topic. */
  [DEBTS]: Debts | undefined = undefined;

  readonly #ws: Wire;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  // Not Inbox<T>: a connection of strings is also one of unknowns, for hubs and registries.
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  // Created when first needed: an idle connection stays small.
  #writer: Backpressure | undefined;
  #intake: Intake | undefined;
  #closing: Closing | undefined;

  /**
   * Wraps an open WebSocket. Call this in the tick in which the socket opens, or messages are lost.
   * Handlers get their connection from the framework.
   */
  constructor(ws: Wire, socket: Socket, limits: ConnectionLimits, place: Place) {
    super(place);
    this.#ws = ws;
    this.#limits = limits;
    this.protocol = ws.protocol;
    this.#socket = socket;
    this.#liveness = new Liveness(ws, this, limits.liveness);
    this.#inbox = new Inbox<unknown>(limits.queueMessages, this.#liveness);
    ws.listener = this;
  }

  /**
   * Resolves with the close code when the connection has ended; never rejects. A handler that reads
   * `closed`, and then no more messages, counts as done with the client's messages.
   */
  get closed(): Promise<Closed> {
    this.#inbox.awaitEnd();
    return this.ended;
  }

  /** Whether a reader waits for a message. */
  get awaited(): boolean {
    return this.#inbox.isAwaited;
  }

  /** Whether messages can still be sent. */
  get open(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** Whether `send` would not wait: the connection is open and below its high-water mark. */
  get ready(): boolean {
    return this.open && this.bufferedBytes <= this.#limits.highWaterBytes;
  }

  /** Bytes that were sent but that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#writing().bufferedBytes;
  }

  /**
   * Sends one message. The promise waits while the client's buffer is above its high-water mark, so
   * that a slow client slows its own handler and no other.
   *
   * @param data a string for a text message; a Buffer, another view, an ArrayBuffer or a Blob for a
   *   binary message. A Blob is read first; later messages wait behind it
   * @returns true when the message is on its way, false when the connection has ended; `send` never
   *   throws when the client is gone. The server closes a client that is behind by more than
   *   `maxBufferedBytes` with 1013.
   * @throws TypeError when `data` is neither text nor bytes
   */
  send(data: Outgoing | Blob): Promise<boolean> {
    if (data instanceof Blob) return this.#sendBlob(data);
    assertOutgoing(data, "use sendJson(value) to send objects");
    return this.sendFrame(new Frame(data, true));
  }

  /** Like {@link send}, for a message to many connections: its bytes are made once. */
  sendFrame(frame: Frame): Promise<boolean> {
    const debts = this[DEBTS];
    if (debts?.owing && !debts.pay()) return debts.later(frame, (later) => this.sendFrame(later));
    return this[DELIVER](frame);
  }

  /** See {@link DELIVER}. */
  [DELIVER](frame: Frame): Promise<boolean> {
    if (!this.open) return NOT_SENT;
    return this.#writing().deliver(frame) ?? this.#cutOff();
  }

  /** See {@link DELIVER_HELD}. */
  [DELIVER_HELD](frames: readonly Frame[]): void {
    if (this.open && !this.#writing().deliverHeld(frames)) void this.#cutOff();
  }

  #sendBlob(blob: Blob): Promise<boolean> {
    this[DEBTS]?.pay();
    if (!this.open) return NOT_SENT;
    return this.#writing().deliverBlob(blob) ?? this.#cutOff();
  }

  /** Resolves when the buffer is below its high-water mark: true, or false at the end. */
  drained(): Promise<boolean> {
    return this.#writing().drained();
  }

  #writing(): Backpressure {
    this.#writer ??= new Backpressure(this.#ws, this.#socket, this.#limits);
    return this.#writer;
  }

  /**
   * Sends a value as JSON. The route's `send` schema, if any, checks it first.
   *
   * @returns the same as {@link send}
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
    // The inbox is its own iterator: one object less for every waiting connection.
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
    this.#parting().now(code, clipReason(reason));
  }

  /**
   * Closes the connection once its handler is idle. Takes no more messages, and gives the handler
   * at most five seconds to answer those that came. See {@link Closing}.
   *
   * @param code a code that may be sent
   * @param reason clipped to 123 UTF-8 bytes
   * @throws RangeError for a code that may not be sent
   */
  finish(code: number, reason: string): void {
    assertSendable(code);
    this.#parting().whenIdle(code, clipReason(reason));
  }

  /** Sends a close frame that still waits for the handler: there is no more time. */
  hurry(): void {
    this.#closing?.release();
  }

  #parting(): Closing {
    this.#closing ??= new Closing(this.#ws, this.#inbox, this.#liveness, this.#writing(), this);
    return this.#closing;
  }

  /** Destroys the socket without a close handshake, for a client that does not answer. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** See {@link WireListener}. */
  [EVENT](event: string | symbol, first: unknown, second: unknown): void {
    messageCame();
    if (event === "close") this.#left(first as number, second as Buffer);
    // "error" needs no action: ws closes the connection itself, and the close code says why.
    else if (!this.#closing) this.#taking().take(event, first as Buffer, second as boolean);
  }

  /** See {@link WireListener}. */
  [PIECE](bytes: number): boolean {
    return this.#closing !== undefined || this.#taking().isInBytes(bytes);
  }

  /** See {@link WireListener}. */
  [CLOSING](...[code, reason, isHalf]: Parameters<Closing["waits"]>): boolean {
    return this.#parting().waits(code, reason, isHalf);
  }

  #taking(): Intake {
    this.#intake ??= new Intake(this.#limits, this.#inbox, this.#liveness, this);
    return this.#intake;
  }

  #cutOff(): Promise<boolean> {
    this.place.cutOff?.(this.bufferedBytes);
    this.close(1013, `more than ${this.#limits.maxBufferedBytes} bytes behind`);
    return NOT_SENT;
  }

  #left(code: number, reason: Buffer): void {
    const closed: Closed = {
      code: code === 1006 ? this.#closing?.refusedWith || code : code,
      reason: reason.toString(),
    };
    this.#closing?.end();
    this.#liveness.stop();
    this.#inbox.end();
    this.#writer?.end();
    this.settle(closed);
  }
}
