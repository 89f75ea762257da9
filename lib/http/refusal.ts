import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * How long the server reads a refused client's last bytes after the response, in milliseconds.
 * Closing at once would answer them with a reset, which can overtake the response (RFC 9112 section
 * 9.6).
 */
const LINGER_MS = 1_000;

/**
 * An answer that refuses a request or a handshake with a status and one line of text. Koa sends it
 * when middleware throws it. The log does not report it as a failure, because the client caused it.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Tells Koa to send the message to the client. */
  readonly expose = true;
  /** The HTTP status. */
  readonly status: number;
  /** The same status, under the other name that Koa and http-errors read. */
  readonly statusCode: number;
  /** Response headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The reason for the log, which may say more than the message. */
  readonly reason: string;

  /**
   * @param status an HTTP status of 400 or more
   * @param message one line for the client: the cause, and what to do
   * @param headers response headers, none by default
   * @param reason one line for the log; by default the message
   */
  constructor(
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    reason = message,
  ) {
    super(message);
    this.reason = reason;
    this.status = status;
    this.statusCode = status;
    this.headers = headers;
  }
}

const REASON = Symbol("reason");

type Reasoned = ServerResponse & { [REASON]?: string };

/** Why a response refuses its request, for the log; undefined for any other response. */
export function reasonOf(res: Reasoned): string | undefined {
  return res[REASON];
}

/** Longer than any real origin or host. */
const MAX_SHOWN = 300;

/** A header's value for the log: clipped, and in printable ASCII. */
export function shown(header: string): string {
  const text = header
    .slice(0, MAX_SHOWN)
    .replace(/[^\x21\x23-\x7e]/g, (char) => encodeURIComponent(char));
  return `"${text}${header.length > MAX_SHOWN ? "…" : ""}"`;
}

/**
 * Writes a refusal to a response, without Koa.
 *
 * @param res a response whose headers are not sent; headers set so far are dropped
 */
export function writeRefusal(res: Reasoned, refusal: Refusal): void {
  res[REASON] = refusal.reason;
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(refusal.status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(refusal.message),
    "X-Content-Type-Options": "nosniff",
    ...refusal.headers,
  });
  res.end(refusal.message);
}

/** Ends the socket of a refused client, after the client has had time to read the answer. */
export function linger(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", () => {});
  socket.resume();
  socket.end();
}
