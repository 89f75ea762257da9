import { setTimeout as pause } from "node:timers/promises";
import { Line, type LineOptions } from "./line.ts";
import { Unavailable } from "./unavailable.ts";

/** Waits between two attempts to connect, in milliseconds: the first, and the longest. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1_000;

/** What a {@link Link} tells. */
export interface LinkListener {
  /** It has a new line. Calls go out once this has resolved. */
  up?(line: Line): Promise<void> | void;
  /** Its line has broken, or one could not be opened. */
  down?(error: unknown): void;
}

/** Keeps a line to Redis: where one breaks, it opens another, for as long as it takes. */
export class Link {
  readonly #options: LineOptions;
  readonly #listener: LinkListener;
  #line: Line | undefined;
  #waiting: ((line: Line | undefined) => void)[] = [];
  readonly #closed = new AbortController();
  #end: (() => void) | undefined;
  #lastError: unknown;

  constructor(options: LineOptions, listener: LinkListener = {}) {
    this.#options = options;
    this.#listener = listener;
    void this.#keep();
  }

  /** The line of now, while there is one. */
  get line(): Line | undefined {
    return this.#line;
  }

  /**
   * Waits for a line.
   *
   * @param ms how long at most
   * @throws Unavailable when there is none by then, or the link is closed
   */
  async wait(ms: number): Promise<Line> {
    if (this.#line) return this.#line;
    if (this.#closed.signal.aborted) throw new Unavailable();
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

  /** Ends it; whatever waits is told that there is no line. */
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
        await this.#live(await Line.open(this.#options));
        wait = FIRST_WAIT_MS;
      } catch (error) {
        this.#lastError = error;
        if (!signal.aborted) this.#listener.down?.(error);
        await pause(wait, undefined, { signal, ref: false }).catch(() => {});
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
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
      await this.#listener.up?.(line);
      if (line.ended || this.#closed.signal.aborted) return;
      this.#line = line;
      this.#tell(line);
      await ended;
      if (!this.#closed.signal.aborted) {
        this.#listener.down?.(new Error("expected the connection to Redis to stay, but it broke"));
      }
    } finally {
      line.close();
      if (this.#line === line) this.#line = undefined;
    }
  }

  #tell(line: Line | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(line);
  }
}
