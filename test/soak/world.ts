import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type RawData, WebSocket } from "ws";
import { Tally } from "./tally.ts";

const HANDSHAKE_MS = 30_000;

/** Where the actors of a soak live: the server's address, chance, time, and what is counted. */
export class World {
  readonly url: string;
  readonly tally = new Tally();
  /** Whether the server is restarted now and then. */
  readonly restarts: boolean;
  readonly #end = new AbortController();
  #seed: number;

  constructor(url: string, seed: number, restarts: boolean) {
    this.url = url;
    this.restarts = restarts;
    setMaxListeners(0, this.#end.signal); // every pause listens to it
    this.#seed = seed;
  }

  /** Whether the actors should come to an end. */
  get ending(): boolean {
    return this.#end.signal.aborted;
  }

  /** Brings the actors to an end. */
  end(): void {
    this.#end.abort();
  }

  /** A number from `from` to below `to`, the same every time for the same seed. */
  between(from: number, to: number): number {
    // Numerical Recipes' linear congruential generator.
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return from + (this.#seed / 2 ** 32) * (to - from);
  }

  /** One of several, by chance. */
  one<T>(of: readonly T[]): T {
    return of[Math.floor(this.between(0, of.length))] as T;
  }

  /** Waits for some time, or until the end. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#end.signal }).catch(() => {});
  }

  /** Opens a WebSocket; undefined when it could not be, which is counted unless the server restarts. */
  async open(
    path: string,
    protocols: string[] = [],
    listen: (ws: WebSocket) => void = () => {},
  ): Promise<WebSocket | undefined> {
    const ws = new WebSocket(this.url.replace(/^http/, "ws") + path.slice(1), protocols, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    listen(ws);
    const error = await new Promise<Error | undefined>((resolve) => {
      ws.on("error", resolve);
      ws.once("open", () => resolve(undefined));
    });
    if (!error) {
      this.tally.connections++;
      return ws;
    }
    if (!this.restarts) this.tally.surprise(`handshake: ${error.message}`);
    await this.pause(100);
    return undefined;
  }

  /** Counts how a connection ended that should not have, or only for a restart. */
  lost(who: string, code: number): void {
    if (!(this.restarts && code === 1012)) this.tally.surprise(`${who} closed ${code}`);
  }
}

/** Resolves with the close code of a connection. */
export function closed(ws: WebSocket): Promise<number> {
  if (ws.readyState === ws.CLOSED) return Promise.resolve(1006);
  return new Promise((resolve) => ws.once("close", resolve));
}

/** Ends a connection as clients do: with a close, without one, with a reset, or by half. */
export function leave(ws: WebSocket, how: "close" | "abort" | "reset" | "half-close"): void {
  const socket = (ws as unknown as { _socket?: import("node:net").Socket })._socket;
  if (how === "close") ws.close(1000);
  else if (how === "abort") ws.terminate();
  else if (how === "reset") socket?.resetAndDestroy();
  else socket?.end();
}

/** Whether something comes true in time. */
export async function inTime(ms: number, condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** The text of a message. */
export function textOf(data: RawData): string {
  return data.toString();
}
