import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { SecureResponse } from "../http/security-headers.ts";

/** Headers that describe a body or the connection; they must not be on a 101. */
const NOT_ON_101 =
  /^(connection|upgrade|keep-alive|transfer-encoding|date|content-.*|sec-websocket-.*)$/i;

type Head = OutgoingHttpHeaders | readonly unknown[] | undefined;

/**
 * The response of a handshake, as the app sees it. While the handshake is pending, it works like
 * any other response. After the acceptance, nothing that the app writes to it reaches the socket:
 * the headers set before go on the 101, and `end` only fires the events of the response's end.
 */
export class HandshakeResponse extends SecureResponse {
  #isAccepted = false;

  /**
   * @param req the request of an `upgrade` event
   * @param socket shown to middleware. The response owns it only after `assignSocket`; earlier
   *   writes wait until then
   */
  constructor(req: IncomingMessage, socket: Socket) {
    super(req);
    this.shouldKeepAlive = false;
    this.#show(socket);
  }

  /**
   * Takes the response off its socket, unless other code has done so. After that, no HTTP can reach
   * the socket.
   *
   * @param isAssigned whether `assignSocket` gave the socket to the response
   */
  takeOff(socket: Socket, isAssigned: boolean): void {
    if (isAssigned && this.socket) this.detachSocket(socket);
    else this.#show(null);
  }

  /**
   * Adds the headers that middleware has set to those of the 101.
   *
   * @param lines the header lines of the 101; more are added
   * @throws the error of a listener of the head. The server can then still refuse the handshake
   */
  accept(lines: string[]): void {
    this.#isAccepted = true;
    try {
      // Connect middleware such as express-session replaces writeHead, to set cookies in it.
      if (this.writeHead !== HandshakeResponse.prototype.writeHead) this.writeHead(101);
    } catch (error) {
      this.#isAccepted = false;
      throw error;
    }
    this.statusCode = 101;
    this.statusMessage = "Switching Protocols";
    for (const name of this.getHeaderNames()) addHeader(lines, name, this.getHeader(name));
  }

  override writeHead(...head: unknown[]): this {
    if (!this.#isAccepted) return super.writeHead(...head);
    setAll(this, (typeof head[1] === "string" ? head[2] : head[1]) as Head);
    return this;
  }

  // biome-ignore lint/suspicious/noExplicitAny: Node's overloads, passed on as they came
  override write(...chunk: any[]): boolean {
    if (this.#isAccepted) return true;
    return super.write(...(chunk as [string]));
  }

  override flushHeaders(): void {
    if (!this.#isAccepted) super.flushHeaders();
  }

  /**
   * After the acceptance, `end` only fires `finish` and `close`. Loggers and Koa's own listeners
   * wait for these events. Connect middleware saves a session at the response's end.
   */
  // biome-ignore lint/suspicious/noExplicitAny: Node's overloads, passed on as they came
  override end(...last: any[]): this {
    if (!this.#isAccepted) return super.end(...last) as this;
    if (this.writableEnded) return this;
    (this as { finished: boolean }).finished = true;
    this.emit("finish");
    this.destroy();
    this.emit("close");
    return this;
  }

  #show(socket: Socket | null): void {
    (this as { socket: Socket | null }).socket = socket;
  }
}

function setAll(res: HandshakeResponse, headers: Head): void {
  if (!headers) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value);
    }
    return;
  }
  const pairs = headers.flat();
  for (let at = 0; at + 1 < pairs.length; at += 2) res.setHeader(pairs[at], pairs[at + 1]);
}

function addHeader(
  lines: string[],
  name: string,
  values: number | string | string[] | undefined,
): void {
  if (values === undefined || NOT_ON_101.test(name)) return;
  for (const value of [values].flat()) lines.push(`${name}: ${value}`);
}
