import { constants } from "node:buffer";
import { type Codec, Misfit } from "./codec.ts";
import type { Inbox } from "./inbox.ts";
import { jsonBytes } from "./json-bytes.ts";
import type { Liveness } from "./liveness.ts";
import type { ConnectionLimits } from "./options.ts";
import { Rate } from "./token-bucket.ts";

/** What an {@link Intake} does to its connection. */
export interface Taking {
  send(text: string): unknown;
  /** Closes it once its handler is idle. */
  finish(code: number, reason: string): void;
  /** Ends the connection for a fault of the app's. */
  fail(error: unknown): void;
}

/**
 * Takes what a client sends: counts it, checks its kind, reads it by the route's schema, and
 * puts it into the inbox. Made for the first frame: an idle connection has none.
 */
export class Intake {
  readonly #limits: ConnectionLimits;
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  readonly #connection: Taking;
  readonly #rate: Rate;
  readonly #bytes: Rate;

  constructor(
    limits: ConnectionLimits,
    inbox: Inbox<unknown>,
    liveness: Liveness,
    connection: Taking,
  ) {
    this.#limits = limits;
    this.#inbox = inbox;
    this.#liveness = liveness;
    this.#connection = connection;
    this.#rate = new Rate(limits.messagesPerSecond, limits.burstMessages);
    this.#bytes = new Rate(limits.bytesPerSecond, limits.burstBytes);
  }

  /** Takes what ws has of the client: a message, a ping or a pong. */
  take(event: string | symbol, data: Buffer, isBinary: boolean): void {
    if (event === "message") {
      if (!this.#isInRates(data, isBinary)) return;
      this.#liveness.heard();
      this.#message(data, isBinary);
    } else if (event === "ping" || event === "pong") {
      this.#liveness.heardControl();
      // A ping is answered by ws, and the answers to our own pings are free.
      if (event === "ping" || !this.#liveness.isAnswer(data)) this.#isInRate();
    }
  }

  #message(data: Buffer, isBinary: boolean): void {
    const { messages: kind, codec } = this.#limits;
    if (kind !== "both" && isBinary !== (kind === "binary")) {
      const came = isBinary ? "binary" : "text";
      this.#connection.finish(1003, `expected a ${kind} message, but got ${came}`);
      return;
    }
    if (!isBinary && data.length > constants.MAX_STRING_LENGTH) {
      this.#connection.finish(1009, "the text is longer than a string can be");
      return;
    }
    const message = isBinary ? data : data.toString();
    codec ? this.#decode(codec, message as string) : this.#inbox.push(message);
  }

  #isInRates(data: Buffer, isBinary: boolean): boolean {
    if (!this.#isInRate()) return false;
    // A message of JSON has its control characters written out already.
    const isPlain = !isBinary && !this.#limits.codec;
    if (this.isInBytes(isPlain ? jsonBytes(data) : data.length)) return true;
    this.#connection.finish(1008, "too many bytes a second (bytesPerSecond)");
    return false;
  }

  // A control frame costs as much as a message.
  #isInRate(): boolean {
    if (this.#rate.take()) return true;
    this.#connection.finish(1008, "too many messages a second");
    return false;
  }

  /** Counts bytes; false for too many. */
  isInBytes(count: number): boolean {
    return this.#bytes.take(undefined, count);
  }

  #decode(codec: Codec, text: string): void {
    try {
      const message = codec.decode(text);
      if (!(message instanceof Misfit)) this.#inbox.push(message.value);
      else if (!this.#limits.invalid) this.#connection.finish(1007, message.message);
      else this.#inbox.pushAside(() => this.#answer(message));
    } catch (error) {
      this.#connection.fail(error);
    }
  }

  #answer(misfit: Misfit): void {
    try {
      const answer = this.#limits.invalid?.(misfit);
      if (answer !== undefined) this.#connection.send(JSON.stringify(answer));
    } catch (error) {
      this.#connection.fail(error);
    }
  }
}
