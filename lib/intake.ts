import { constants } from "node:buffer";
import type { ConnectionLimits } from "./connection-options.ts";
import type { Inbox } from "./inbox.ts";
import { jsonBytes } from "./json-bytes.ts";
import { Rate } from "./rate.ts";
import { type Codec, Misfit } from "./schema.ts";

/** What an {@link Intake} does to its connection. */
export interface Taking {
  send(text: string): unknown;
  close(code: number, reason: string): void;
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
  readonly #connection: Taking;
  readonly #rate: Rate;
  readonly #bytes: Rate;

  constructor(limits: ConnectionLimits, inbox: Inbox<unknown>, connection: Taking) {
    this.#limits = limits;
    this.#inbox = inbox;
    this.#connection = connection;
    this.#rate = new Rate(limits.messagesPerSecond, limits.burstMessages);
    this.#bytes = new Rate(limits.bytesPerSecond, limits.burstBytes);
  }

  /** Takes a message that is in the rates. */
  message(data: Buffer, isBinary: boolean): void {
    const { messages: kind, codec } = this.#limits;
    if (kind !== "both" && isBinary !== (kind === "binary")) {
      const came = isBinary ? "binary" : "text";
      this.#connection.close(1003, `expected a ${kind} message, but got ${came}`);
      return;
    }
    if (!isBinary && data.length > constants.MAX_STRING_LENGTH) {
      this.#connection.close(1009, "the text is longer than a string can be");
      return;
    }
    const message = isBinary ? data : data.toString();
    codec ? this.#decode(codec, message as string) : this.#inbox.push(message);
  }

  /** Counts a message and its bytes; closes 1008 where either is too much. */
  isInRates(data: Buffer, isBinary: boolean): boolean {
    if (!this.isInRate()) return false;
    // A message of JSON has its control characters written out already.
    const isPlain = !isBinary && !this.#limits.codec;
    if (this.isInBytes(isPlain ? jsonBytes(data) : data.length)) return true;
    this.#connection.close(1008, "too many bytes a second (bytesPerSecond)");
    return false;
  }

  /** Counts a message, or a control frame, which costs as much; closes 1008 at one too many. */
  isInRate(): boolean {
    if (this.#rate.take()) return true;
    this.#connection.close(1008, "too many messages a second");
    return false;
  }

  /** Counts bytes. */
  isInBytes(count: number): boolean {
    return this.#bytes.take(undefined, count);
  }

  #decode(codec: Codec, text: string): void {
    try {
      const message = codec.decode(text);
      if (message instanceof Misfit) this.#answer(message);
      else this.#inbox.push(message.value);
    } catch (error) {
      this.#connection.fail(error);
    }
  }

  #answer(misfit: Misfit): void {
    const { invalid } = this.#limits;
    if (!invalid) return this.#connection.close(1007, misfit.message);
    const answer = invalid(misfit);
    if (answer !== undefined) this.#connection.send(JSON.stringify(answer));
  }
}
