import type { Socket } from "node:net";
import { type Closed, CloseError } from "../close-codes.ts";
import type { Connection } from "../connection/connection.ts";
import type { Place } from "../connection/options.ts";
import { releaseAll, type Taken } from "../http/capacity.ts";

/** The server of a session. The session reports its events here. */
export interface SessionListener {
  /** The session has begun. */
  accepted(session: Session): void;
  /** The server cuts the client off: the client is so many bytes behind. */
  cutOff(session: Session, bytes: number): void;
  /** The handler has returned while something still read the connection. */
  readerLeft(session: Session): void;
  /** The connection has ended. */
  closed(session: Session, closed: Closed): void;
  /** The connection and the handler have ended. */
  done(session: Session): void;
}

/** The values that a session takes over from its handshake. */
export interface SessionOrigin {
  /** Performance-clock time of the handshake's arrival, in milliseconds. */
  readonly startedAt: number;
  /** The handshake's target without the query, as the client sent it. */
  readonly path: string;
  /** The whole prefix of the accepting app, without a final slash; "" at the root. */
  readonly mountPath: string;
  /** The client, for the log: its address, with the port where the port is known. */
  readonly client: string;
  /** The socket underneath. */
  readonly socket: Socket;
}

/**
 * An accepted handshake becomes a session. It has one connection, the handler, places in counts and
 * lines in the log. It lasts until both connection and handler have ended. It holds no request and
 * no response.
 */
export class Session implements Place {
  /** See {@link SessionOrigin.startedAt}. */
  readonly startedAt: number;
  /** See {@link SessionOrigin.path}. */
  readonly path: string;
  /** See {@link SessionOrigin.mountPath}. */
  readonly mountPath: string;
  /** See {@link SessionOrigin.client}. */
  readonly client: string;
  /** The socket underneath. */
  readonly socket: Socket;
  /** The handler's connection. */
  readonly connection: Connection<unknown>;

  readonly #listener: SessionListener;
  #held: Taken | undefined;
  #report: ((error: unknown) => void) | undefined;
  #connectionEnded = false;
  #handlerEnded = false;
  #waiting: (() => void)[] | undefined;

  /**
   * @param origin the values of the handshake
   * @param held places in counts; the session gives them back when the connection ends
   * @param listener the server
   * @param connect makes the connection. The connection reports its end to this session
   */
  constructor(
    origin: SessionOrigin,
    held: Taken | undefined,
    listener: SessionListener,
    connect: (place: Place) => Connection<unknown>,
  ) {
    this.startedAt = origin.startedAt;
    this.path = origin.path;
    this.mountPath = origin.mountPath;
    this.client = origin.client;
    this.socket = origin.socket;
    this.#held = held;
    this.#listener = listener;
    this.connection = connect(this);
    listener.accepted(this);
  }

  /** See {@link Place.address}; known while the socket is open. */
  get address(): string {
    const { remoteAddress = "", remotePort = "" } = this.socket;
    const { client } = this;
    return client === `${remoteAddress}:${remotePort}` ? remoteAddress : client;
  }

  /**
   * Prepares for the handler, which is about to run.
   *
   * @param report fires `error` on the handler's app. An idle connection holds this function
   */
  handle(report: (error: unknown) => void): void {
    this.#report = report;
  }

  /** The handler has returned: the server closes the connection 1000. */
  handlerReturned(): void {
    const { connection } = this;
    if (connection.awaited && connection.open) this.#listener.readerLeft(this);
    connection.close(1000);
    this.#endHandler();
  }

  /** The handler has thrown: {@link failed} closes the connection. */
  handlerThrew(error: unknown): void {
    this.failed(error);
    this.#endHandler();
  }

  /** See {@link Place.failed}: a `CloseError` closes with its code, any other error closes 1011. */
  failed(error: unknown): void {
    if (error instanceof CloseError) return this.connection.close(error.code, error.reason);
    this.connection.close(1011, "internal error");
    this.reported(error);
  }

  /** See {@link Place.reported}. */
  reported(error: unknown): void {
    this.#report?.(error);
  }

  /** See {@link Place.cutOff}. */
  cutOff(bytes: number): void {
    this.#listener.cutOff(this, bytes);
  }

  /** See {@link Place.ended}. */
  ended(closed: Closed): void {
    releaseAll(this.#held);
    this.#held = undefined;
    this.#listener.closed(this, closed);
    this.#connectionEnded = true;
    if (this.#handlerEnded) this.#end();
  }

  /** Resolves when both the connection and its handler have ended. */
  get done(): Promise<void> {
    if (this.#connectionEnded && this.#handlerEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  #endHandler(): void {
    this.#handlerEnded = true;
    if (this.#connectionEnded) this.#end();
  }

  #end(): void {
    this.#listener.done(this);
    for (const resolve of this.#waiting ?? []) resolve();
  }
}
