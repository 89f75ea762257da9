import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { LogLevel } from "./config.ts";

export type { Logger } from "pino";

/** Options of {@link createLog}. */
export interface LogOptions {
  /** The least level that is logged. Default info. */
  level?: LogLevel;
  /** Where the lines go. Default standard output: readable on a terminal, JSON lines elsewhere. */
  destination?: DestinationStream;
}

/**
 * The log of a served app: one readable line per event on a terminal, one JSON object per line
 * elsewhere. It never gets a message body, and of a URL only the path: a query may hold a token.
 */
export function createLog(options: LogOptions = {}): Logger {
  const destination = options.destination ?? (process.stdout.isTTY ? readable() : undefined);
  const settings = { level: options.level ?? "info", base: null };
  return destination ? pino(settings, destination) : pino(settings);
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
