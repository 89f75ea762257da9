import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Connection } from "./connection.ts";
import { Refusal, writeRefusal } from "./refusal.ts";

/** Where a handshake is: it leaves `pending` once, for one of the others. */
export type HandshakeState = "pending" | "accepted" | "refused" | "abandoned";

/**
 * How long a refused client's last bytes are read after the response: closing at once would
 * answer them with a reset, which can overtake the response (RFC 9112 section 9.6).
 */
const LINGER_MS = 1_000;

const handshakes = new WeakMap<IncomingMessage, Handshake>();

/** The handshake that a request is, or undefined for plain HTTP. */
export function handshakeOf(req: IncomingMessage): Handshake | undefined {
  return handshakes.get(req);
}

/**
 * One upgrade request on its way to an answer: an ordinary HTTP response while it is pending,
 * a WebSocket once it is accepted. It always settles: by an acceptance, by a response, by its
 * deadline (503), or when the client leaves.
 */
export class Handshake {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Performance-clock time of the handshake's arrival, in milliseconds. */
  readonly startedAt = performance.now();
  /** The address and port of the peer, taken while the socket still knows them. */
  readonly peer: string;
  /** The request's target at arrival, without the query (which may hold a token). */
  readonly path: string;
  /** The whole prefix of the app whose route accepts it; set just before. */
  mountPath = "";
  /** The connection, once accepted. */
  connection: Connection<unknown> | undefined;

  readonly #socket: Socket;
  readonly #deadline: NodeJS.Timeout;
  #state: HandshakeState = "pending";
  #halfClosed = false;
  #failure: Error | undefined;

  /**
   * @param req the request of an `upgrade` event
   * @param socket its socket; the parser has left it
   * @param head what the client sent after the request
   * @param timeoutMs how long the handshake may take
   * @param onSettled told once, when the handshake is no longer pending
   */
  constructor(
    req: IncomingMessage,
    socket: Socket,
    head: Buffer,
    timeoutMs: number,
    onSettled: (handshake: Handshake) => void,
  ) {
    this.req = req;
    this.#socket = socket;
    this.#onSettled = onSettled;
    this.peer = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`;
    this.path = (req.url ?? "").split("?", 1)[0] ?? "";
    if (head.length > 0) socket.unshift(head);
    this.res = new ServerResponse(req);
    this.res.shouldKeepAlive = false;
    this.res.assignSocket(socket);
    this.res.once("finish", this.#onFinished);
    socket.on("error", this.#onSocketError);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClosed);
    this.#deadline = setTimeout(() => this.#expire(timeoutMs), timeoutMs);
    handshakes.set(req, this);
  }

  readonly #onSettled: (handshake: Handshake) => void;

  /** Where the handshake is. */
  get state(): HandshakeState {
    return this.#state;
  }

  /**
   * Answers without the app: a plain response of one line of text, then the end of the socket.
   * Does nothing once the handshake has settled.
   */
  refuse(error: Refusal): void {
    if (this.#state !== "pending" || this.res.headersSent) return;
    writeRefusal(this.res, error);
  }

  /**
   * Accepts the handshake by letting `upgrade` write the 101.
   *
   * @param upgrade calls koa-easy-ws; everything it does is synchronous, so there is no wait here
   *   that could last for ever
   * @returns the open connection
   * @throws Refusal when the client has left, the deadline has passed, or ws refused
   */
  accept(upgrade: () => Promise<unknown>): Connection<unknown> {
    if (this.#state !== "pending" || this.#halfClosed || this.res.headersSent) {
      throw new Refusal(400, "the handshake had ended before it was accepted");
    }
    // koa-easy-ws never settles its promise for a refusal; what counts arrived by the events below.
    upgrade().catch((error: Error) => this.fail(error));
    if (this.connection) return this.connection;
    throw this.#failure ?? new Refusal(400, "the client left during the handshake");
  }

  /** Notes why ws refused the handshake; {@link accept} throws it. */
  fail(error: Error): void {
    this.#failure ??= new Refusal(400, error.message);
  }

  /**
   * Takes the response off the socket just before ws writes the 101, so that nothing of HTTP can
   * reach the WebSocket stream, and adds the headers that middleware had set.
   *
   * @param lines the header lines of the 101, to add to
   */
  release(lines: string[]): void {
    lines.push(...extraHeaders(this.res));
    this.#settle("accepted");
    this.res.off("finish", this.#onFinished);
    this.res.detachSocket(this.#socket);
    this.res.statusCode = 101;
    this.res.statusMessage = "Switching Protocols";
    // The response is over: this frees what waits for its end, Koa's own listeners included.
    this.res.emit("finish");
  }

  /** Lets go of a socket that somebody else has upgraded, as plain koa-easy-ws does. */
  abandon(): void {
    this.#settle("abandoned");
  }

  readonly #onFinished = (): void => {
    this.#settle("refused");
    this.res.detachSocket(this.#socket);
    this.#linger();
  };

  #linger(): void {
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    socket.on("error", () => {});
    socket.resume();
    socket.end();
  }

  #expire(timeoutMs: number): void {
    this.refuse(new Refusal(503, `expected the handshake to be answered within ${timeoutMs} ms`));
    // A response that somebody began and never ends must not hold the socket either.
    if (this.#state === "pending") this.#socket.destroy();
  }

  #settle(state: HandshakeState): void {
    if (this.#state !== "pending") return;
    this.#state = state;
    clearTimeout(this.#deadline);
    this.#socket.off("error", this.#onSocketError);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onClosed);
    this.#onSettled(this);
  }

  readonly #onSocketError = (): void => {
    this.#socket.destroy();
  };

  // A client that has half-closed still reads a refusal, but cannot hold a conversation.
  readonly #onEnd = (): void => {
    this.#halfClosed = true;
  };

  readonly #onClosed = (): void => {
    this.#settle("abandoned");
  };
}

// What describes a body or the connection itself has no place on a 101.
const NOT_ON_101 =
  /^(connection|upgrade|keep-alive|transfer-encoding|date|content-.*|sec-websocket-.*)$/i;

function extraHeaders(res: ServerResponse): string[] {
  const lines: string[] = [];
  for (const name of res.getHeaderNames()) {
    if (NOT_ON_101.test(name)) continue;
    for (const value of [res.getHeader(name) ?? ""].flat()) lines.push(`${name}: ${value}`);
  }
  return lines;
}
