import { randomUUID } from "node:crypto";
import type { Closed } from "../close-codes.ts";
import type { Place } from "./options.ts";

/**
 * The data of a connection that do not depend on its messages: where and when it opened, and its
 * end.
 */
export abstract class Opened {
  /** Where its handshake was accepted. */
  protected readonly place: Place;
  readonly #openedAt = Date.now();
  // Created when first needed: an idle connection stays small.
  #id: string | undefined;
  #abort: AbortController | undefined;
  #ended: Promise<Closed> | undefined;
  #resolve: ((closed: Closed) => void) | undefined;
  #result: Closed | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  /** A random UUID, unique across processes. */
  get id(): string {
    this.#id ??= randomUUID();
    return this.#id;
  }

  /** When it was opened, ISO 8601 in UTC. */
  get since(): string {
    return new Date(this.#openedAt).toISOString();
  }

  /** See {@link Place.path}. */
  get path(): string {
    return this.place.path;
  }

  /** See {@link Place.mountPath}. */
  get mountPath(): string {
    return this.place.mountPath;
  }

  /** See {@link Place.address}; known while the connection is open. */
  get address(): string {
    return this.place.address ?? "";
  }

  /** Like `closed` of a connection, for code outside its handler. */
  get ended(): Promise<Closed> {
    this.#ended ??= this.#result
      ? Promise.resolve(this.#result)
      : new Promise((resolve) => {
          this.#resolve = resolve;
        });
    return this.#ended;
  }

  /** Aborted when the connection ends, for work that must not outlive it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#result) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Closes the connection. */
  abstract close(code?: number, reason?: string): void;

  /**
   * Ends the connection as if its handler had thrown `error`: with 1011, or with the code of a
   * `CloseError`, and fires the app's `error` event. Use it outside the handler, in a timer for
   * example.
   */
  fail(error: unknown): void {
    if (this.place.failed) this.place.failed(error);
    else this.close(1011, "internal error");
  }

  /** Fires the app's `error` event and keeps the connection open, for a fault elsewhere. */
  report(error: unknown): void {
    this.place.reported?.(error);
  }

  /** The connection has ended; called once. */
  protected settle(closed: Closed): void {
    this.#result = closed;
    this.#abort?.abort();
    this.#resolve?.(closed);
    this.place.ended?.(closed);
  }
}
