import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

/** The levels of the log, from the most to the fewest lines. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options of {@link createLog}. */
export interface LogOptions {
  /** The lowest level that is logged. Default info. */
  level?: LogLevel;
  /** Where the lines go. Default standard output: readable on a terminal, JSON lines elsewhere. */
  destination?: DestinationStream;
}

/** The limits of lines to standard output, when it is not a terminal. */
export const LOG_LIMITS = {
  /**
   * How long a line may wait to be written together with others, in milliseconds: too short for
   * people to notice.
   */
  waitMs: 100,
  /**
   * How many bytes are written at once, at most: PIPE_BUF on Linux. POSIX promises that a pipe
   * takes so many bytes whole or not at all, so that another writer, or the end of the process,
   * does not tear a line.
   */
  writeBytes: 4_096,
  /** How many bytes are written without waiting. This leaves room for one more line. */
  enoughBytes: 3_072,
  /** How many bytes wait for a reader that has stopped: some 5,000 lines. */
  maxBytes: 1024 * 1024,
  /** How long the process waits for such a reader before it exits, in milliseconds. */
  endMs: 1_000,
} as const;

/**
 * Makes the log of a served app: one readable line per event on a terminal, one JSON object per
 * line elsewhere. The framework never logs a message body, and of a URL only the path, because a
 * query may hold a token.
 *
 * ```ts
 * const log = createLog({ level: "warn" });
 * await run(app, { log });
 * ```
 */
export function createLog(options: LogOptions = {}): Logger {
  const destination = options.destination ?? (process.stdout.isTTY ? readable() : standardOutput());
  return pino({ level: options.level ?? "info", base: null }, destination);
}

/**
 * Writes several lines at once, and never waits for the reader. Lines that cannot be written now
 * are kept up to a bound. Lines above the bound are dropped and counted, and the log reports their
 * number once there is room. This holds when the reader has stopped, when it has gone, and when the
 * disk is full.
 */
export class LogOutput implements DestinationStream {
  readonly #stream: ReturnType<typeof pino.destination>;
  readonly #teller: Logger;
  #lost = 0;
  #endsAt = 0;

  /** @param fd a file descriptor that does not block */
  constructor(fd: number) {
    const { waitMs, writeBytes, enoughBytes, maxBytes } = LOG_LIMITS;
    this.#stream = pino.destination({
      dest: fd,
      // With `sync: false`, pino's final flush reorders lines, drops lines in flight, and hangs
      // when the reader has stopped.
      sync: true,
      minLength: enoughBytes,
      maxWrite: writeBytes,
      maxLength: maxBytes,
      periodicFlush: waitMs,
      // Pino sleeps between two attempts, so retry only while the process ends.
      retryEAGAIN: () => performance.now() < this.#endsAt,
      // For strings pino counts the bytes of all waiting lines again at every line.
      contentMode: "buffer",
    });
    // Pino's own listener silences the log for ever after the first lost reader, and throws unknown
    // errors. Lines that failed are kept, and written again with the next lines.
    this.#stream.removeAllListeners("error").on("error", () => {});
    this.#stream.on("drop", () => this.#lost++);
    // Before the next line, but after the stream has updated its free room.
    this.#stream.on("write", () => this.#lost > 0 && queueMicrotask(() => this.#tell()));
    this.#teller = pino({ base: null }, this);
  }

  /** Takes a line. */
  write(line: string): void {
    this.#stream.write(Buffer.from(line) as never);
  }

  /** Writes all waiting lines. Waits for the reader for `endMs` at most. */
  end(): void {
    this.#endsAt = performance.now() + LOG_LIMITS.endMs;
    let written: number;
    this.#stream.on("write", (bytes: number) => {
      written = bytes;
    });
    // Not flushSync(), which never ends when there is no reader.
    do {
      written = 0;
      this.#stream.flush();
      this.#tell();
    } while (written > 0);
  }

  #tell(): void {
    if (this.#lost === 0) return;
    const lines = this.#lost;
    this.#lost = 0;
    this.#teller.warn({ event: "log-lost", lines }, `lines of the log lost: ${lines}`);
    // There was no room for this line either.
    if (this.#lost > 0) this.#lost = lines;
  }
}

// One output for all logs of the process, so that their writes do not mix.
let standard: LogOutput | undefined;

function standardOutput(): LogOutput {
  // Reading process.stdout makes a pipe non-blocking. A worker's process.stdout has no `fd`.
  if (!standard) {
    const output = new LogOutput(process.stdout.fd ?? 1);
    process.once("exit", () => output.end());
    standard = output;
  }
  return standard;
}

// Written at once, because the last lines before a crash matter most.
function readable(): DestinationStream {
  return pretty({
    sync: true,
    translateTime: "SYS:HH:MM:ss",
    // The message has the other fields in words.
    include: "time,level,err",
  });
}
