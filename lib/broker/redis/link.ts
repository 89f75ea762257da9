import { setTimeout as pause } from "node:timers/promises";
import type { Address } from "./address.ts";
import { Line } from "./line.ts";
import { Unavailable } from "./unavailable.ts";

/** Waits between two attempts to connect, in milliseconds: the first, and the longest. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1_000;

/** What a {@link Link} tells. */
export interface LinkListener {
  /** The link has a new line. Calls go out once this has resolved. */
  up(line: Line): Promise<void> | void;
  /** The line has broken, or the first one could not be opened. Told once for each time without. */
  down(error: unknown): void;
}

/** Keeps a line to Redis: where one breaks, it opens another, for as long as it takes. */
export class Link {
  readonly #address: Address;
  readonly #listener: LinkListener;
  readonly #closed = new AbortController();
  #line: Line | undefined;
  #waiting: ((line: Line | undefined) => void)[] = [];
  #kept: Promise<void> | undefined;
  #end: (() => void) | undefined;
  #lastError: unknown;
  #isDown = false;

  /** Makes a link, which connects when it is first waited for. */
  constructor(address: Address, listener: LinkListener) {
    this.#address = address;
    this.#listener = listener;
  }

  /** The line of now, while there is one. */
  get line(): Line | undefined {
    return this.#line;
  }

  /**
   * Waits for a line.
   *
   * @param ms how long at most, in milliseconds
   * @throws Unavailable when there is none by then, or the link is closed
   */
  async wait(ms: number): Promise<Line> {
    if (this.#line) return this.#line;
    if (this.#closed.signal.aborted) throw new Unavailable(new Error("the broker is closed"));
    this.#kept ??= this.#keep();
    let timer: NodeJS.Timeout | undefined;
    const line = await new Promise<Line | undefined>((resolve) => {
      this.#waiting.push(resolve);
      timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((each) => each !== resolve);
        resolve(undefined);
      }, ms);
    });
    clearTimeout(timer);
    if (!line) throw new Unavailable(this.#lastError);
    return line;
  }

  /** Ends the link; whatever waits is told that there is no line. */
  close(): void {
    this.#closed.abort();
    this.#end?.();
    this.#tell(undefined);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closed;
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      try {
        await this.#live(await Line.open(this.#address));
        wait = FIRST_WAIT_MS;
      } catch (error) {
        this.#down(error);
      }
      // Also after a line that broke: a server that cuts every line must not be asked in a loop.
      await pause(wait, undefined, { signal, ref: false }).catch(() => {});
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  // Resolves when the line has broken.
  async #live(line: Line): Promise<void> {
    if (this.#closed.signal.aborted) return line.close();
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
      line.onEnd = resolve;
    });
    try {
      await this.#listener.up(line);
      if (line.ended || this.#closed.signal.aborted) return;
      this.#line = line;
      this.#isDown = false;
      this.#tell(line);
      await ended;
      this.#down(new Error("expected the connection to Redis to stay, but it broke"));
    } finally {
      line.close();
      if (this.#line === line) this.#line = undefined;
    }
  }

  #down(error: unknown): void {
    this.#lastError = error;
    if (this.#isDown || this.#closed.signal.aborted) return;
    this.#isDown = true;
    this.#listener.down(error);
  }

  #tell(line: Line | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(line);
  }
}
