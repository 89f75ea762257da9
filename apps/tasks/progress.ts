/** How often progress is told: ten times a second is as fast as people see. */
const TELL_EVERY_MS = 100;

/** How far a task is: 0 to 1, with a note for people if there is one. */
export interface Progress {
  readonly done: number;
  readonly note: string | undefined;
}

/**
 * Tells of progress: the first at once, and then the latest every {@link TELL_EVERY_MS}, so that
 * what was said before a long wait is not lost.
 */
export class ProgressTeller {
  readonly #tell: (progress: Progress) => void;
  #latest: Progress | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell;
  }

  /** The work is that far. */
  progress(done: number, note?: string): void {
    this.#latest = { done, note };
    const wait = this.#toldAt + TELL_EVERY_MS - performance.now();
    // Work that leaves no time to timers tells by itself.
    if (wait <= 0) this.#tellLatest();
    else this.#timer ??= setTimeout(() => this.#tellLatest(), wait);
  }

  /** Tells no more. */
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
