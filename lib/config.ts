/** A bad value in the environment: one line that names it, what was expected and what came. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The settings of a served app. */
export interface Config {
  /** The address to listen on. Default 127.0.0.1: nobody else reaches it. */
  host: string;
  /** The port to listen on, 0 for a free one. Default 8000. */
  port: number;
  /** Seconds from the signal to the exit, at most. Default 10. */
  graceSeconds: number;
  /** The least level that is logged. Default info. */
  logLevel: LogLevel;
}

/** The levels of the log, the quietest last. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The settings that hold where nothing else is said. */
export const DEFAULT_CONFIG: Readonly<Config> = {
  host: "127.0.0.1",
  port: 8000,
  graceSeconds: 10,
  logLevel: "info",
};

/**
 * Reads the settings from environment variables: `HOST`, `PORT`, `GRACE_SECONDS`, `LOG_LEVEL`.
 * One that is empty or missing takes its default.
 *
 * @throws ConfigError for a value that cannot be meant
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return {
    host: read(env, "HOST", "a host name or an address", DEFAULT_CONFIG.host, host),
    port: read(env, "PORT", "a whole number from 0 to 65535", DEFAULT_CONFIG.port, (text) =>
      number(text, /^\d{1,5}$/, 65_535),
    ),
    graceSeconds: read(
      env,
      "GRACE_SECONDS",
      "a number of seconds from 0 to 3600",
      DEFAULT_CONFIG.graceSeconds,
      (text) => number(text, /^\d{1,4}(\.\d{1,3})?$/, 3600),
    ),
    logLevel: read(
      env,
      "LOG_LEVEL",
      `one of ${LOG_LEVELS.join(", ")}`,
      DEFAULT_CONFIG.logLevel,
      (text) => LOG_LEVELS.find((level) => level === text),
    ),
  };
}

function read<T>(
  env: NodeJS.ProcessEnv,
  name: string,
  expected: string,
  fallback: T,
  parse: (text: string) => T | undefined,
): T {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = parse(text);
  if (value !== undefined) return value;
  throw new ConfigError(`${name}: expected ${expected}, but got ${JSON.stringify(text)}`);
}

function number(text: string, form: RegExp, most: number): number | undefined {
  return form.test(text) && Number(text) <= most ? Number(text) : undefined;
}

function host(text: string): string | undefined {
  return /^[A-Za-z0-9.:%_-]{1,253}$/.test(text) ? text : undefined;
}
