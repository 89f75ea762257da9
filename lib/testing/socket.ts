import type { IncomingHttpHeaders } from "node:http";
import type { WebSocket } from "ws";
import type { Closed } from "../close-codes.ts";
import { Inbox } from "../connection/inbox.ts";

/** How long a receive waits by default, in milliseconds. */
const RECEIVE_MS = 10_000;

/** Options of a receive. */
export interface ReceiveOptions {
  /** How long to wait, in milliseconds. Default 10,000. */
  timeoutMs?: number;
}

/**
 * The client's end of a WebSocket in a test. Every wait has a deadline, and its error says what did
 * not come.
 */
export class TestSocket {
  /** The subprotocol the server selected, or "". */
  readonly protocol: string;
  /** The headers of the 101. */
  readonly headers: IncomingHttpHeaders;
  /** The WebSocket of `ws`, for anything that this class does not offer. */
  readonly ws: WebSocket;

  readonly #path: string;
  readonly #failure: () => Error | undefined;
  readonly #inbox = new Inbox<string | Buffer>(Number.POSITIVE_INFINITY, { unread() {} });
  readonly #closed: Promise<Closed>;
  #received = 0;
  #end: Closed | undefined;

  /**
   * {@link TestClient.connect} creates it before the first message can arrive.
   *
   * @param failure returns the last error of the app, which may be why a message does not come
   */
  constructor(
    ws: WebSocket,
    path: string,
    headers: IncomingHttpHeaders,
    failure: () => Error | undefined,
  ) {
    this.ws = ws;
    this.#path = path;
    this.#failure = failure;
    this.headers = headers;
    this.protocol = ws.protocol;
    ws.on("message", (data, isBinary) => {
      this.#received++;
      this.#inbox.push(isBinary ? (data as Buffer) : data.toString());
    });
    ws.on("error", () => {});
    this.#closed = new Promise((resolve) => {
      ws.once("close", (code, reason) => {
        this.#end = { code, reason: reason.toString() };
        this.#inbox.end();
        resolve(this.#end);
      });
    });
  }

  /** Sends a text message, or bytes as a binary message. */
  send(data: string | Uint8Array): void {
    this.ws.send(data);
  }

  /** Sends a value as JSON. */
  sendJson(value: unknown): void {
    this.send(JSON.stringify(value));
  }

  /**
   * Takes the next message.
   *
   * @throws Error when no message comes in time, or the connection has ended; its cause is the
   *   app's last error
   */
  async receive(options: ReceiveOptions = {}): Promise<string | Buffer> {
    const { done, value } = await this.#inTime(this.#inbox.next(), "a message", options);
    if (done) throw this.#missed("a message", "");
    return value;
  }

  /**
   * Takes the next message and parses it.
   *
   * ```ts
   * const { count } = await socket.receiveJson<{ count: number }>();
   * ```
   *
   * @typeParam T the type that the test expects; it is not checked
   * @throws what {@link receive} throws, and a SyntaxError when the message is not JSON
   */
  async receiveJson<T = unknown>(options: ReceiveOptions = {}): Promise<T> {
    return JSON.parse((await this.receive(options)).toString()) as T;
  }

  /**
   * Waits for the end of the connection. Messages that came before can still be received.
   *
   * @returns the close code and reason; 1006 when there was no close frame
   */
  closed(options: ReceiveOptions = {}): Promise<Closed> {
    return this.#inTime(this.#closed, "the close", options);
  }

  /** Closes the connection and waits for its end. */
  close(code = 1000, reason = ""): Promise<Closed> {
    this.ws.close(code, reason);
    return this.closed();
  }

  /** Ends the connection without a close frame, like a client that is gone. */
  terminate(): void {
    this.ws.terminate();
  }

  async #inTime<T>(promise: Promise<T>, what: string, options: ReceiveOptions): Promise<T> {
    const ms = options.timeoutMs ?? RECEIVE_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.#missed(what, ` within ${ms} ms`));
      }, ms);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #missed(what: string, when: string): Error {
    const cause = this.#failure();
    const message = `expected ${what} on ${this.#path}${when}, but ${this.#state()}`;
    if (!cause) return new Error(message);
    return new Error(`${message}; the app failed: ${cause.message}`, { cause });
  }

  #state(): string {
    const end = this.#end;
    const now = end
      ? `it was closed ${end.code} ${JSON.stringify(end.reason)}`
      : "it is still open";
    return `${now} after ${this.#received} messages`;
  }
}
