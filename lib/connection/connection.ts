import type { Socket } from "node:net";
import { assertSendable, type Closed, clipReason } from "../close-codes.ts";
import { messageCame } from "../loop/turn.ts";
import { Closing } from "./closing.ts";
import { DEBTS, DELIVER, DELIVER_HELD, type Debts, type Indebted } from "./debts.ts";
import { assertOutgoing, Frame, MOST_HEAD_BYTES, type Outgoing } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Intake } from "./intake.ts";
import { Liveness } from "./liveness.ts";
import { Opened } from "./opened.ts";
import type { ConnectionLimits, Place } from "./options.ts";
import { CLOSING, EVENT, PIECE, type Wire, type WireListener } from "./websocket.ts";
import { Writer } from "./writer.ts";

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
  extends Opened
  implements AsyncIterable<T>, WireListener, Indebted
{
  /** The subprotocol that was negotiated, or "". */
  readonly protocol: string;

  /** What it is owed of topics; none before it is in one. */
  [DEBTS]: Debts | undefined = undefined;

  readonly #ws: Wire;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  // Not Inbox<T>: a connection of strings is also one of unknowns, for hubs and registries.
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  /** Unsent bytes that do not count for its bound, until it is below that. */
  #excusedBytes = 0;
  // Made when they are first asked for: an idle connection is small.
  #writer: Writer | undefined;
  #intake: Intake | undefined;
  #closing: Closing | undefined;

  /**
   * Wraps an open WebSocket; call it in the tick in which the socket opens, so that no message
   * goes by unheard. Handlers get their connection from the framework.
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
   * Resolves with the close code when the connection has ended; never rejects. A handler that asks
   * for it and for no message after it is taken to be done with the client's messages.
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

  /** Whether a message would go out without waiting: open, and below the high-water mark. */
  get ready(): boolean {
    return this.open && this.bufferedBytes <= this.#limits.highWaterBytes;
  }

  /** Bytes that are sent but not yet with the operating system. */
  get bufferedBytes(): number {
    return this.#writing().bufferedBytes;
  }

  /**
   * Sends one message. Awaiting it waits while the client's buffer is above its high-water mark,
   * so that a slow reader slows its own handler and nobody else.
   *
   * @param data a string for a text message; for a binary one a Buffer, any other view, an
   *   ArrayBuffer, or a Blob, which is read first: what is sent meanwhile goes behind it
   * @returns true when the message is on its way, false when the connection has ended; it never
   *   throws for a client that is gone. A client behind by more than `maxBufferedBytes` is
   *   closed 1013.
   * @throws TypeError when `data` is neither text nor bytes
   */
  send(data: Outgoing | Blob): Promise<boolean> {
    if (data instanceof Blob) return this.#sendBlob(data);
    assertOutgoing(data, "use sendJson(value) to send objects");
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

  #sendBlob(blob: Blob): Promise<boolean> {
    this[DEBTS]?.pay();
    if (!this.open) return NOT_SENT;
    const writer = this.#writing();
    if (writer.bufferedBytes > this.#limits.maxBufferedBytes) return this.#cutOff();
    writer.writeBlob(blob);
    return writer.drained();
  }

  /** Resolves when the buffer is below its high-water mark: true, or false at the end. */
  drained(): Promise<boolean> {
    return this.#writing().drained();
  }

  #writing(): Writer {
    this.#writer ??= new Writer(this.#ws, this.#socket, this.#limits.highWaterBytes);
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
    this.#parting().now(code, clipReason(reason));
  }

  /**
   * Closes the connection once its handler is idle: takes no more messages, and lets those that
   * came be answered, for at most five seconds. See {@link Closing}.
   *
   * @param code a code that may be sent
   * @param reason clipped to 123 UTF-8 bytes
   * @throws RangeError for a code that may not be sent
   */
  finish(code: number, reason: string): void {
    assertSendable(code);
    this.#parting().whenIdle(code, clipReason(reason));
  }

  /** Sends the close frame that waits for the handler, if one does: there is no more time. */
  hurry(): void {
    this.#closing?.release();
  }

  #parting(): Closing {
    this.#closing ??= new Closing(this.#ws, this.#inbox, this.#liveness, this.#writing(), this);
    return this.#closing;
  }

  /**
   * Ends the connection as a handler that throws does: with 1011, or with the code of a
   * `CloseError`, and the error goes to the app's `error` event. For what does not run in its
   * handler, a timer say.
   */
  fail(error: unknown): void {
    if (this.place.failed) this.place.failed(error);
    else this.close(1011, "internal error");
  }

  /** Fires the app's `error` event, and the connection goes on: for what is no fault of its own. */
  report(error: unknown): void {
    this.place.reported?.(error);
  }

  /** Destroys the socket without a close handshake, for a client that does not answer. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** See {@link WireListener}. */
  [EVENT](event: string | symbol, first: unknown, second: unknown): void {
    messageCame();
    if (event === "close") this.#left(first as number, second as Buffer);
    // Of "error" nothing is to be done: ws closes by itself, and the close says why.
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
