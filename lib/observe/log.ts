import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

/** The levels of the log, the quietest last. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options of {@link createLog}. */
export interface LogOptions {
  /** The least level that is logged. Default info. */
  level?: LogLevel;
  /** Where the lines go. Default standard output: readable on a terminal, JSON lines elsewhere. */
  destination?: DestinationStream;
}

/** What holds for lines on their way to standard output, where that is no terminal. */
export const LOG_LIMITS = {
  /** How long a line may wait for others to be written with, in milliseconds: nobody sees it. */
  waitMs: 100,
  /**
   * How many bytes are written at once, at most: what POSIX promises that a pipe takes whole or
   * not at all (PIPE_BUF on Linux), so that no line is torn by another writer or by the end.
   */
  writeBytes: 4_096,
  /** How many bytes are enough to be written without waiting: there may be one more line. */
  enoughBytes: 3_072,
  /** How many bytes wait for a reader that has stopped reading: some 5,000 lines. */
  maxBytes: 1024 * 1024,
  /** How long the end of the process waits for such a reader, in milliseconds. */
  endMs: 1_000,
} as const;

/**
 * The log of a served app: one readable line per event on a terminal, one JSON object per line
 * elsewhere. It never gets a message body, and of a URL only the path: a query may hold a token.
 */
export function createLog(options: LogOptions = {}): Logger {
  const destination = options.destination ?? (process.stdout.isTTY ? readable() : standardOutput());
  return pino({ level: options.level ?? "info", base: null }, destination);
}

/**
 * Lines that are written several at once, and never wait for who reads them: what cannot be
 * written now is kept up to a bound, and beyond it counted and told once there is room again.
 * It is all the same whether the reader has stopped, has gone, or is a disk that is full.
 */
export class LogOutput implements DestinationStream {
  readonly #stream: ReturnType<typeof pino.destination>;
  readonly #teller: Logger;
  #lost = 0;
  #endsAt = 0;

  /** @param fd must not block when it cannot take more */
  constructor(fd: number) {
    const { waitMs, writeBytes, enoughBytes, maxBytes } = LOG_LIMITS;
    this.#stream = pino.destination({
      dest: fd,
      // In the background its final flush writes later lines before those that are under way,
      // drops the latter when they wait for a reader, and never ends if nobody reads.
      sync: true,
      minLength: enoughBytes,
      maxWrite: writeBytes,
      maxLength: maxBytes,
      periodicFlush: waitMs,
      // It sleeps between two attempts, which only a process that ends may do.
      retryEAGAIN: () => performance.now() < this.#endsAt,
      // Of strings it counts the bytes of all that wait, at every line.
      contentMode: "buffer",
    });
    // Pino's own listener makes a log that lost its reader once silent for ever, and throws what
    // it does not know. What failed is still kept, and tried again with the next lines.
    this.#stream.removeAllListeners("error").on("error", () => {});
    this.#stream.on("drop", () => this.#lost++);
    // Before the next line comes, but after the stream has made out what room there is.
    this.#stream.on("write", () => this.#lost > 0 && queueMicrotask(() => this.#tell()));
    this.#teller = pino({ base: null }, this);
  }

  /** Takes a line. */
  write(line: string): void {
    this.#stream.write(Buffer.from(line) as never);
  }

  /** Writes all that waits, and waits for the reader for `endMs` at most. */
  end(): void {
    this.#endsAt = performance.now() + LOG_LIMITS.endMs;
    let written: number;
    this.#stream.on("write", (bytes: number) => {
      written = bytes;
    });
    // Not flushSync(), which tries for ever once there is no reader.
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
    // Then there was no room for this one either.
    if (this.#lost > 0) this.#lost = lines;
  }
}

// One for all logs of the process, whose writes would otherwise come in between each other's.
let standard: LogOutput | undefined;

function standardOutput(): LogOutput {
  // Asking for process.stdout is what keeps a pipe from blocking. A worker has none of its own.
  if (!standard) {
    const output = new LogOutput(process.stdout.fd ?? 1);
    process.once("exit", () => output.end());
    standard = output;
  }
  return standard;
}

// Written at once: what was logged last before a crash is what one wants to read.
function readable(): DestinationStream {
  return pretty({
    sync: true,
    translateTime: "SYS:HH:MM:ss",
    // What a line says in words it need not say again in fields.
    include: "time,level,err",
  });
}
