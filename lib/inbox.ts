const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The queue between a socket and its reader: ordered, with a mark at which the sender must pause.
 *
 * The mark cannot be a hard limit: what one read of the socket brought is already decoded when
 * the queue fills up (ws decodes a whole chunk at once), and dropping it would lose messages.
 * So the bound is the mark plus what one chunk holds: 64 KiB on the wire, at most 10,922 empty
 * messages of six bytes each.
 */
export class Inbox<T> {
  readonly #mark: number;
  readonly #onPressure: (full: boolean) => void;
  #messages: T[] = [];
  #head = 0;
  #waiting: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #full = false;
  #ended = false;

  /**
   * @param mark how many unread messages pause the sender
   * @param onPressure told `true` when the mark is reached, `false` when the reader has caught up
   */
  constructor(mark: number, onPressure: (full: boolean) => void) {
    this.#mark = mark;
    this.#onPressure = onPressure;
  }

  /** How many messages wait to be read. */
  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Adds a message; does nothing after {@link end}. */
  push(message: T): void {
    if (this.#ended) return;
    if (this.#waiting) {
      const deliver = this.#waiting;
      this.#waiting = undefined;
      deliver({ done: false, value: message });
      return;
    }
    this.#messages.push(message);
    if (this.size >= this.#mark && !this.#full) {
      this.#full = true;
      this.#onPressure(true);
    }
  }

  /**
   * Takes the next message, waiting for it if there is none.
   *
   * @returns an iterator's result, done when the inbox has ended and is empty
   * @throws Error when another read is still waiting: two readers would share the messages
   */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#ended) return Promise.resolve(DONE);
    if (this.#waiting) {
      return Promise.reject(
        new Error("expected one reader of a connection, but a second one came; share the messages"),
      );
    }
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /**
   * Ends the inbox: a waiting reader is done now, a later one after what is left.
   *
   * @param discard drop what is left
   */
  end(discard = false): void {
    this.#ended = true;
    if (discard) {
      this.#messages = [];
      this.#head = 0;
    }
    this.#waiting?.(DONE);
    this.#waiting = undefined;
  }

  #take(): T {
    const message = this.#messages[this.#head] as T;
    this.#messages[this.#head++] = undefined as T;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
      this.#release();
    }
    return message;
  }

  // Only when all is read: a release at the mark would pause and resume at every message.
  #release(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#onPressure(false);
  }
}
