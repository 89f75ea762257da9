import { readRootPath } from "../context/root-path.ts";
import { compileTrust } from "../http/client.ts";
import { canonicalHost, isOrigin } from "../http/origin.ts";
import { LOG_LEVELS, type LogLevel } from "../observe/log.ts";

/**
 * A bad value in the environment. Its message is one line: the variable, the expected value and the
 * actual one.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The settings of a served app. */
export interface Config {
  /** The address to listen on. Default 127.0.0.1, which only this machine reaches. */
  host: string;
  /** The port to listen on, 0 for a free one. Default 8000. */
  port: number;
  /** The path of a Unix socket to listen on instead of `host` and `port`. Default none. */
  socket: string;
  /** The prefix that a proxy strips before it passes requests on: `/api`. Default none. */
  rootPath: string;
  /** The longest time from the signal to the exit, in seconds. Default 10. */
  graceSeconds: number;
  /** The lowest level that is logged. Default info. */
  logLevel: LogLevel;
  /**
   * Trusted proxies, whose `X-Forwarded-*` the server believes: addresses, CIDR ranges, `loopback`.
   * Default none.
   */
  trustProxy: readonly string[];
  /** Host names that the server answers to, beside loopback. Default none. */
  allowedHosts: readonly string[];
  /** Origins that may connect beside the server's own. Default none. */
  allowedOrigins: readonly string[];
}

/** The default settings. */
export const DEFAULT_CONFIG: Readonly<Config> = {
  host: "127.0.0.1",
  port: 8000,
  socket: "",
  rootPath: "",
  graceSeconds: 10,
  logLevel: "info",
  trustProxy: [],
  allowedHosts: [],
  allowedOrigins: [],
};

/**
 * Reads the settings from environment variables: `HOST`, `PORT`, `SOCKET`, `ROOT_PATH`,
 * `GRACE_SECONDS`, `LOG_LEVEL`, and the comma-separated lists `TRUST_PROXY`, `ALLOWED_HOSTS` and
 * `ALLOWED_ORIGINS`. An empty or missing variable takes its default.
 *
 * @throws ConfigError for a bad value
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const one = <Name extends keyof Config>(
    name: Name,
    expected: string,
    parse: Parse<Config[Name]>,
  ) => read(env, VARIABLES[name], expected, DEFAULT_CONFIG[name], parse);
  return {
    host: one("host", "a host name or an address", host),
    port: one("port", "a whole number from 0 to 65535", (text) =>
      number(text, /^\d{1,5}$/, 65_535),
    ),
    socket: one("socket", `an absolute path of at most ${MAX_SOCKET_BYTES} bytes`, socketPath),
    rootPath: one("rootPath", "a path such as /api", readRootPath),
    graceSeconds: one("graceSeconds", "a number of seconds from 0 to 3600", (text) =>
      number(text, /^\d{1,4}(\.\d{1,3})?$/, 3600),
    ),
    logLevel: one("logLevel", `one of ${LOG_LEVELS.join(", ")}`, (text) =>
      LOG_LEVELS.find((level) => level === text),
    ),
    trustProxy: one("trustProxy", "addresses, CIDR ranges, loopback or unix", list(trustable)),
    allowedHosts: one(
      "allowedHosts",
      "host names without a scheme, wildcard or leading dot",
      list(canonicalHost),
    ),
    allowedOrigins: one(
      "allowedOrigins",
      "origins such as https://example.com or capacitor://localhost",
      list(origin),
    ),
  };
}

/** The size of Linux's `sun_path` without its final NUL. A longer path would be cut. */
const MAX_SOCKET_BYTES = 107;

/** The environment variable of each setting. */
const VARIABLES: Readonly<Record<keyof Config, string>> = {
  host: "HOST",
  port: "PORT",
  socket: "SOCKET",
  rootPath: "ROOT_PATH",
  graceSeconds: "GRACE_SECONDS",
  logLevel: "LOG_LEVEL",
  trustProxy: "TRUST_PROXY",
  allowedHosts: "ALLOWED_HOSTS",
  allowedOrigins: "ALLOWED_ORIGINS",
};

type Parse<T> = (text: string) => T | undefined;

function read<T>(
  env: NodeJS.ProcessEnv,
  name: string,
  expected: string,
  fallback: T,
  parse: Parse<T>,
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

function socketPath(text: string): string | undefined {
  const isPath = text.startsWith("/") && !text.endsWith("/") && !text.includes("\0");
  return isPath && Buffer.byteLength(text) <= MAX_SOCKET_BYTES ? text : undefined;
}

function origin(text: string): string | undefined {
  return isOrigin(text) ? text : undefined;
}

function trustable(text: string): string | undefined {
  try {
    compileTrust([text]);
    return text;
  } catch {
    return undefined;
  }
}

function list(parse: Parse<string>): Parse<readonly string[]> {
  return (text) => {
    const items = text.split(",").map((item) => parse(item.trim()));
    return items.every((item) => item !== undefined) ? items : undefined;
  };
}
