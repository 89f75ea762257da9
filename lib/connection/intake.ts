import { constants } from "node:buffer";
import { type Codec, Misfit } from "./codec.ts";
import type { Inbox } from "./inbox.ts";
import { jsonBytes } from "./json-bytes.ts";
import type { Liveness } from "./liveness.ts";
import type { ConnectionLimits } from "./options.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The part of a connection that an {@link Intake} uses. */
export interface Taking {
  send(text: string): unknown;
  /** Closes the connection once its handler is idle. */
  finish(code: number, reason: string): void;
  /** Ends the connection for a fault of the app's. */
  fail(error: unknown): void;
}

/**
 * Takes a client's messages: counts them, checks their kind and the route's schema, and puts them
 * into the inbox. Created for the first frame: an idle connection has none.
 */
export class Intake {
  readonly #limits: ConnectionLimits;
  readonly #inbox: Inbox<unknown>;
  readonly #liveness: Liveness;
  readonly #connection: Taking;
  readonly #rate: TokenBucket;
  readonly #bytes: TokenBucket;

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
    this.#rate = new TokenBucket(limits.messagesPerSecond, limits.burstMessages);
    this.#bytes = new TokenBucket(limits.bytesPerSecond, limits.burstBytes);
  }

  /** Takes a message, a ping or a pong from ws. */
  take(event: string | symbol, data: Buffer, isBinary: boolean): void {
    if (event === "message") {
      if (!this.#isInRates(data, isBinary)) return;
      this.#liveness.heard();
      this.#message(data, isBinary);
    } else if (event === "ping" || event === "pong") {
      this.#liveness.heardControl();
      // ws answers pings. Pongs that answer the server's own pings do not count.
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
    // JSON text has its control characters escaped already.
    const isPlain = !isBinary && !this.#limits.codec;
    if (this.isInBytes(isPlain ? jsonBytes(data) : data.length)) return true;
    this.#connection.finish(1008, "too many bytes a second (bytesPerSecond)");
    return false;
  }

  // A control frame costs the server as much as a message.
  #isInRate(): boolean {
    if (this.#rate.take()) return true;
    this.#connection.finish(1008, "too many messages a second");
    return false;
  }

  /** Counts bytes against `bytesPerSecond`; false when there are too many. */
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
