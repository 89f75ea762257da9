import type { ServerResponse } from "node:http";

/**
 * An answer that refuses a request or a handshake with a status and one line of text, and that
 * no log reports as a failure: it is the client's doing. Koa answers with it when it is thrown.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Tells Koa that the message is meant for the client. */
  readonly expose = true;
  /** The HTTP status. */
  readonly status: number;
  /** The same, under the other name that Koa and http-errors check. */
  readonly statusCode: number;
  /** Response headers. */
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param status an HTTP status of 400 or more
   * @param message one line for the client: why, and what to do
   * @param headers response headers, none by default
   */
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.statusCode = status;
    this.headers = headers;
  }
}

/**
 * Writes a refusal to a response, without Koa.
 *
 * @param res a response whose headers are not sent; those set so far are dropped
 */
export function writeRefusal(res: ServerResponse, refusal: Refusal): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(refusal.status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(refusal.message),
    "X-Content-Type-Options": "nosniff",
    ...refusal.headers,
  });
  res.end(refusal.message);
}
