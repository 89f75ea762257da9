import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Connection } from "../connection/connection.ts";
import type { Place } from "../connection/options.ts";
import { releaseAll, type Taken } from "../http/capacity.ts";
import { clientOf, peerOf } from "../http/client.ts";
import { rawPath } from "../http/path.ts";
import { Refusal, writeRefusal } from "../http/refusal.ts";
import { ticker } from "../loop/ticker.ts";
import { Deadline, type Expiring } from "./deadline.ts";
import { type PendingListener, PendingSocket } from "./pending-socket.ts";
import { HandshakeResponse } from "./response.ts";
import { Session, type SessionListener } from "./session.ts";

/** The state of a handshake. It leaves `pending` once, for one of the other states. */
type HandshakeState = "pending" | "accepted" | "refused" | "abandoned";

// A symbol on the request, because the garbage collector has to visit every entry of a WeakMap.
const HANDSHAKE = Symbol("handshake");

interface Marked {
  [HANDSHAKE]?: Handshake | undefined;
}

/** Gives the handshake of a request; undefined for plain HTTP. */
export function handshakeOf(req: IncomingMessage & Marked): Handshake | undefined {
  return req[HANDSHAKE];
}

/** Whether a request is a WebSocket handshake, for middleware that sees both kinds of request. */
export function isHandshake(req: IncomingMessage): boolean {
  return handshakeOf(req) !== undefined;
}

/** The server of a handshake. The handshake reports its outcome here. */
export interface HandshakeListener extends SessionListener {
  /** Whether the server is shutting down: it accepts no more handshakes. */
  readonly draining: boolean;
  /** The server has answered with an HTTP status. */
  refused(handshake: Handshake, status: number): void;
  /** The client left before the answer, or other code has upgraded the socket. */
  abandoned(handshake: Handshake): void;
}

/**
 * One upgrade request on its way to an answer. It always settles: the server accepts it, which
 * begins a {@link Session}; the app answers by HTTP; the deadline passes (503); the client leaves.
 */
export class Handshake implements Expiring, PendingListener {
  /** Performance-clock time of the handshake's arrival, in milliseconds. */
  readonly startedAt = performance.now();
  /** The request's target at arrival, without the query (which may hold a token). */
  readonly path: string;
  /** The session that the handshake has become, once the server has accepted it. */
  session: Session | undefined;
  /** Our reason for a refusal. An app's own text may hold a secret; it is never here. */
  reason: string | undefined = undefined;
  /** Whether other code has upgraded the socket: a plain Koa app, or another library's listener. */
  taken = false;
  /** The HTTP status of the answer; 0 while pending, and when the client has left. */
  status = 0;
  /** The server. */
  readonly listener: HandshakeListener;

  #req: (IncomingMessage & Marked) | undefined;
  #res: HandshakeResponse | undefined;
  #client: string;
  readonly #timeoutMs: number;
  readonly #since = ticker.now;
  readonly #pending: PendingSocket;
  #deadline: Deadline | undefined;
  #state: HandshakeState = "pending";
  #failure: Error | undefined;
  #held: Taken | undefined;
  #mountPath = "";

  /**
   * @param req the request of an `upgrade` event
   * @param socket the request's socket, which Node's parser has left
   * @param head the bytes that the client sent after the request
   * @param timeoutMs how long the handshake may take, in milliseconds
   */
  constructor(
    req: IncomingMessage & Marked,
    socket: Socket,
    head: Buffer,
    timeoutMs: number,
    listener: HandshakeListener,
  ) {
    this.#req = req;
    this.#pending = new PendingSocket(socket, head);
    this.listener = listener;
    this.#timeoutMs = timeoutMs;
    // Read now: a closed socket has no address.
    this.#client = peerOf(req);
    this.path = rawPath(req.url ?? "");
    this.#res = new HandshakeResponse(req, socket);
    req[HANDSHAKE] = this;
  }

  /**
   * Prepares for a later answer: gives the socket to the response, watches for the client to
   * leave, and sets the deadline. An acceptance in the turn of the arrival needs no
   * wait.
   */
  wait(): void {
    if (this.#state !== "pending" || !this.#res || this.#pending.isWaiting) return;
    if (this.leaveIfTaken()) return;
    this.#pending.wait(this.#res, this);
    this.#deadline = new Deadline(this, this.#since, this.#timeoutMs);
  }

  /** The socket underneath. */
  get socket(): Socket {
    return this.#pending.socket;
  }

  /** See {@link Expiring}. */
  get isWrittenTo(): boolean {
    return this.#pending.isWrittenTo(this.#res);
  }

  /** The client, for the log: its address, with the port where the port is known. */
  get client(): string {
    return this.#req ? clientOf(this.#req, this.#client) : this.#client;
  }

  /** The response, for the app; undefined once the server has accepted the handshake. */
  get res(): ServerResponse | undefined {
    return this.#res;
  }

  /** The state of the handshake. */
  get state(): HandshakeState {
    return this.#state;
  }

  /**
   * Answers without the app, by one line of text, and ends the socket. Does nothing when the
   * handshake has already settled.
   */
  refuse(error: Refusal): void {
    if (this.#state !== "pending" || !this.#res || this.#res.headersSent) return;
    this.wait();
    this.reason = error.reason;
    writeRefusal(this.#res, error);
  }

  /**
   * Accepts the handshake by letting `upgrade` write the 101.
   *
   * @param mountPath the whole prefix of the app that accepts, without a final slash
   * @param upgrade calls koa-easy-ws, which writes the 101 before it returns
   * @returns the new session
   * @throws Refusal when the client has left, the deadline has passed, or ws refused
   */
  accept(mountPath: string, upgrade: () => Promise<unknown>): Session {
    // A client that has half-closed can read a refusal, but cannot send messages.
    const cannot = this.socket.readableEnded || this.#res?.headersSent;
    if (this.#state !== "pending" || cannot) {
      throw new Refusal(400, "the handshake had ended before it was accepted");
    }
    this.#mountPath = mountPath;
    // koa-easy-ws never settles its promise when ws refuses; `fail` and `begin` have the outcome.
    upgrade().catch((error: Error) => this.fail(error));
    if (this.session) return this.session;
    throw this.#failure ?? new Refusal(400, "the client left during the handshake");
  }

  /** Notes why ws refused the handshake; {@link accept} throws it. */
  fail(error: Error): void {
    this.#failure ??= new Refusal(400, error.message);
  }

  /**
   * Takes the response off the socket just before ws writes the 101, and adds the headers that
   * middleware has set to the 101's header lines.
   *
   * @throws the error of middleware that listens for the response's head
   */
  release(lines: string[]): void {
    const res = this.#res;
    if (!res) return;
    try {
      res.accept(lines);
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
    this.status = 101;
    this.#pending.takeOff(res);
    this.#settle("accepted");
    this.#client = this.client;
    this.#req = undefined;
    this.#res = undefined;
  }

  /** Begins the session, just after ws has written the 101. `connect` makes the connection. */
  begin(connect: (place: Place) => Connection<unknown>): void {
    const { startedAt, path, client, socket } = this;
    const origin = { startedAt, path, mountPath: this.#mountPath, client, socket };
    this.session = new Session(origin, this.#held, this.listener, connect);
  }

  /**
   * Leaves the socket to other code that has upgraded it, such as koa-easy-ws in a plain Koa app.
   *
   * @returns whether other code has upgraded the socket
   */
  leaveIfTaken(): boolean {
    const res = this.#res;
    if (this.#state !== "pending" || !res || !this.#pending.isTaken(res)) return false;
    this.#pending.takeOff(res);
    this.taken = true;
    this.#settle("abandoned");
    this.#pending.leave();
    return true;
  }

  /** Holds a place in a count until the handshake is refused, or its connection has ended. */
  hold(held: Taken): void {
    if (this.#state === "refused" || this.#state === "abandoned") return held.release();
    if (this.#held) held.next = this.#held;
    this.#held = held;
  }

  /** See {@link PendingListener}. */
  answered(res: ServerResponse): void {
    this.status = res.statusCode;
    this.#settle("refused");
    this.#pending.end(res);
  }

  /** See {@link PendingListener}. */
  left(): void {
    this.#settle("abandoned");
  }

  #settle(state: HandshakeState): void {
    if (this.#state !== "pending") return;
    this.#state = state;
    this.#deadline?.stop();
    this.#pending.stop();
    if (state === "accepted") return;
    releaseAll(this.#held);
    if (state === "refused") this.listener.refused(this, this.status);
    else this.listener.abandoned(this);
  }
}
