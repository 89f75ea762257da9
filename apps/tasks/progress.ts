/** How often progress is sent: ten times a second is as fast as people see. */
const TELL_EVERY_MS = 100;

/** A task's progress: 0 to 1, with an optional note for people. */
export interface Progress {
  readonly done: number;
  readonly note: string | undefined;
}

/**
 * Sends progress: the first at once, then the latest every {@link TELL_EVERY_MS}, so that a report
 * before a long pause is not lost.
 */
export class ProgressTeller {
  readonly #tell: (progress: Progress) => void;
  #latest: Progress | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell;
  }

  /** Reports progress. */
  progress(done: number, note?: string): void {
    this.#latest = { done, note };
    const wait = this.#toldAt + TELL_EVERY_MS - performance.now();
    // Work that blocks the event loop never lets the timer run, so send from here.
    if (wait <= 0) this.#tellLatest();
    else this.#timer ??= setTimeout(() => this.#tellLatest(), wait);
  }

  /** Stops sending. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tellLatest(): void {
    this.stop();
    if (this.#latest) this.#tell(this.#latest);
    this.#toldAt = performance.now();
  }
}
