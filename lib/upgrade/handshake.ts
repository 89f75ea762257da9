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

/** Where a handshake is: it leaves `pending` once, for one of the others. */
type HandshakeState = "pending" | "accepted" | "refused" | "abandoned";

// On the objects themselves: a WeakMap costs its garbage collector a pass for every entry.
const HANDSHAKE = Symbol("handshake");

interface Marked {
  [HANDSHAKE]?: Handshake | undefined;
}

/** The handshake that a request is, or undefined for plain HTTP. */
export function handshakeOf(req: IncomingMessage & Marked): Handshake | undefined {
  return req[HANDSHAKE];
}

/** Whether a request is a WebSocket handshake, for middleware that stands before both kinds. */
export function isHandshake(req: IncomingMessage): boolean {
  return handshakeOf(req) !== undefined;
}

/** The server of a handshake, which is told of what becomes of it. */
export interface HandshakeListener extends SessionListener {
  /** Whether the server is shutting down and accepts nothing more. */
  readonly draining: boolean;
  /** The server has answered with an HTTP status. */
  refused(handshake: Handshake, status: number): void;
  /** The client left before the answer, or other code has upgraded the socket. */
  abandoned(handshake: Handshake): void;
}

/**
 * One upgrade request on its way to an answer. It always settles: by an acceptance, which begins a
 * {@link Session}; by an HTTP response; by its deadline (503); or when the client leaves.
 */
export class Handshake implements Expiring, PendingListener {
  /** Performance-clock time of the handshake's arrival, in milliseconds. */
  readonly startedAt = performance.now();
  /** The request's target at arrival, without the query (which may hold a token). */
  readonly path: string;
  /** What it has become, once it is accepted. */
  session: Session | undefined;
  /** Why we have refused it; what an app says to its clients is not here, it may hold a secret. */
  reason: string | undefined = undefined;
  /** Whether other code has upgraded its socket: a plain Koa app, or another library's listener. */
  taken = false;
  /** The HTTP status it was answered with; 0 while it is pending or when the client has left. */
  status = 0;
  /** The server, which is told of what becomes of it. */
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
   * @param socket its socket; the parser has left it
   * @param head what the client sent after the request
   * @param timeoutMs how long the handshake may take
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
    // Now, while the socket still knows it.
    this.#client = peerOf(req);
    this.path = rawPath(req.url ?? "");
    this.#res = new HandshakeResponse(req, socket);
    req[HANDSHAKE] = this;
  }

  /**
   * Waits for the answer: a response can be written, and the client's leaving and the deadline are
   * watched for. A handshake that is accepted in the turn in which it came needs none of this.
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

  /** The client, for the log: the address, with the port where it is known. */
  get client(): string {
    return this.#req ? clientOf(this.#req, this.#client) : this.#client;
  }

  /** The response, for the app; undefined once the handshake is accepted. */
  get res(): ServerResponse | undefined {
    return this.#res;
  }

  /** Where the handshake is. */
  get state(): HandshakeState {
    return this.#state;
  }

  /**
   * Answers without the app, by one line of text; then the socket ends. Does nothing once the
   * handshake has settled.
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
   * @returns the session that has begun
   * @throws Refusal when the client has left, the deadline has passed, or ws refused
   */
  accept(mountPath: string, upgrade: () => Promise<unknown>): Session {
    // A client that has half-closed still reads a refusal, but cannot hold a conversation.
    const cannot = this.socket.readableEnded || this.#res?.headersSent;
    if (this.#state !== "pending" || cannot) {
      throw new Refusal(400, "the handshake had ended before it was accepted");
    }
    this.#mountPath = mountPath;
    // koa-easy-ws never settles its promise for a refusal; what counts arrived by the events below.
    upgrade().catch((error: Error) => this.fail(error));
    if (this.session) return this.session;
    throw this.#failure ?? new Refusal(400, "the client left during the handshake");
  }

  /** Notes why ws refused the handshake; {@link accept} throws it. */
  fail(error: Error): void {
    this.#failure ??= new Refusal(400, error.message);
  }

  /**
   * Takes the response off the socket just before ws writes the 101, and adds to the header lines
   * what middleware has set.
   *
   * @throws what middleware throws that listens for the head of the response
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

  /** Begins the session, just after ws has written the 101. `connect` makes its connection. */
  begin(connect: (place: Place) => Connection<unknown>): void {
    const { startedAt, path, client, socket } = this;
    const origin = { startedAt, path, mountPath: this.#mountPath, client, socket };
    this.session = new Session(origin, this.#held, this.listener, connect);
  }

  /**
   * Lets go of a socket that other code has upgraded, as koa-easy-ws does in a plain Koa app.
   *
   * @returns whether other code has
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

  /** Holds a place in a count for as long as the handshake is pending and its connection open. */
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
