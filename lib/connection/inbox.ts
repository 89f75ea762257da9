/** How many slots of read messages the array keeps before the rest moves up. */
const TAKEN_PLACES = 1_024;

/** A callback in the queue, between messages. The reader does not see it. */
class Aside {
  readonly run: () => void;

  constructor(run: () => void) {
    this.run = run;
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** An {@link Inbox} calls this when it is full, and when it has been read. */
export interface Pressure {
  /** @param full true when the mark is reached, false when the reader has caught up */
  unread(full: boolean): void;
}

/**
 * The queue between a socket and its reader. At a mark the sender must pause.
 *
 * The mark is not a hard limit. ws decodes a whole chunk of the socket at once, and dropping the
 * rest of a chunk would lose messages. So the bound is the mark plus one chunk: 64 KiB on the wire,
 * at most 10,922 empty messages of six bytes each.
 */
export class Inbox<T> {
  readonly #mark: number;
  readonly #sender: Pressure;
  // Created for the first message that has to wait.
  #messages: (T | Aside)[] | undefined;
  #head = 0;
  #waiting: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #full = false;
  #ended = false;
  /** Whether a message has come since the reader last asked for one. */
  #owes = false;
  /** Whether the reader has since asked for the end of the connection instead. */
  #awaitsEnd = false;
  /** Called once when an ended inbox becomes idle. */
  onIdle: (() => void) | undefined = undefined;

  /**
   * @param mark how many unread messages pause the sender
   * @param sender told when it must pause
   */
  constructor(mark: number, sender: Pressure) {
    this.#mark = mark;
    this.#sender = sender;
  }

  /** How many messages wait to be read. */
  get size(): number {
    return (this.#messages?.length ?? 0) - this.#head;
  }

  /** Whether the handler has nothing left to answer, see `Closing`. */
  get isIdle(): boolean {
    return !this.#owes || this.#awaitsEnd;
  }

  /** Whether a reader waits for a message. */
  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** The reader waits for the end, and for no message until it calls {@link next} again. */
  awaitEnd(): void {
    this.#awaitsEnd = true;
    if (this.#ended) this.#tellIdle();
  }

  /** Adds a message; does nothing after {@link end}. */
  push(message: T): void {
    if (this.#ended) return;
    this.#owes = true;
    if (this.#waiting) {
      const deliver = this.#waiting;
      this.#waiting = undefined;
      deliver({ done: false, value: message });
      return;
    }
    this.#queue(message);
  }

  /**
   * Runs a callback in its place in the queue: after the reader has read the earlier messages and
   * has asked for the next one. If the reader awaits the end, the callback runs now.
   */
  pushAside(run: () => void): void {
    if (this.#ended) return;
    const isBehind = this.#messages !== undefined || this.#owes;
    if (isBehind && !this.#awaitsEnd) this.#queue(new Aside(run));
    else run();
  }

  #queue(message: T | Aside): void {
    this.#messages ??= [];
    this.#messages.push(message);
    if (this.size >= this.#mark && !this.#full) {
      this.#full = true;
      this.#sender.unread(true);
    }
  }

  /**
   * Takes the next message, waiting for it if there is none.
   *
   * @returns an iterator's result, done when the inbox has ended and is empty
   * @throws Error when another read is still waiting: two readers would share the messages
   */
  next(): Promise<IteratorResult<T, undefined>> {
    this.#awaitsEnd = false;
    while (this.#messages) {
      const message = this.#take(this.#messages);
      if (!(message instanceof Aside)) return Promise.resolve({ done: false, value: message });
      message.run();
    }
    this.#owes = false;
    if (this.#ended) {
      this.#tellIdle();
      return Promise.resolve(DONE);
    }
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
   * Ends the inbox. A waiting reader is done now; a later reader first gets the messages left.
   *
   * @param discard drop the messages left
   */
  end(discard = false): void {
    this.#ended = true;
    if (discard) {
      this.#messages = undefined;
      this.#head = 0;
    }
    this.#waiting?.(DONE);
    this.#waiting = undefined;
  }

  #tellIdle(): void {
    const tell = this.onIdle;
    this.onIdle = undefined;
    tell?.();
  }

  #take(messages: (T | Aside)[]): T | Aside {
    const message = messages[this.#head] as T | Aside;
    messages[this.#head++] = undefined as T;
    if (this.#head === messages.length) {
      this.#messages = undefined;
      this.#head = 0;
      this.#release();
    } else if (this.#head === TAKEN_PLACES) {
      // A reader that is always one message behind would never empty the array.
      messages.splice(0, this.#head);
      this.#head = 0;
    }
    return message;
  }

  // Only when the inbox is empty: at the mark, every message would pause and resume the socket.
  #release(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#sender.unread(false);
  }
}
