import {
  assertOptions,
  type Choice,
  COUNT_FROM_ONE,
  type OptionKinds,
  TIMER_MS,
} from "../../options.ts";

/** Options of a `RedisBroker`. */
export interface RedisBrokerOptions {
  /**
   * Where Redis is: `redis://user:password@host:port`, `rediss://…` for TLS, or `redis+unix:`
   * followed by the path of a Unix socket. It is in no log and no error.
   */
  readonly url: string;
  /** Certificates of the authority that signed the server's, in PEM. Default: those of Node.js. */
  readonly ca?: string;
  /**
   * What the names of all keys and channels begin with, after a brace. Two hubs with the same
   * prefix share their topics; two with different ones never do. Default `koa-subapps:`.
   */
  readonly prefix?: string;
  /**
   * How long Redis keeps a topic without subscribers and messages, in milliseconds, so that a
   * client that returns finds the same epoch. Default 60,000.
   */
  readonly idleMs?: number;
  /**
   * How many bytes the histories of all topics may occupy in Redis, with their keys. One topic may
   * have 4 MiB. Default 268,435,456, which is 256 MiB.
   */
  readonly maxBytes?: number;
  /** The time in milliseconds, for tests. Default: Redis's clock. */
  readonly now?: () => number;
}

/** The default of {@link RedisBrokerOptions.prefix}. */
export const PREFIX = "koa-subapps:";
/** The default of {@link RedisBrokerOptions.idleMs}. */
export const IDLE_MS = 60_000;
/** The default of {@link RedisBrokerOptions.maxBytes}: 64 topics at their bound of 4 MiB. */
export const MAX_BYTES = 256 * 1024 * 1024;

// A pattern of Redis's ACL for the keys needs no escapes, and the braces are the engine's own.
const NAME: Choice = {
  expected: "a text of 1 to 64 letters, digits and the characters : . _ -",
  holds: (value) => typeof value === "string" && /^[\w:.-]{1,64}$/.test(value),
};
const PEM: Choice = {
  expected: "certificates in PEM",
  holds: (value) => typeof value === "string" && value.includes("-----BEGIN CERTIFICATE-----"),
};
const CLOCK: Choice = {
  expected: "a function",
  holds: (value) => typeof value === "function",
};

// The error of a kind shows the value; `parseAddress` checks the URL, which may have a password.
const KINDS: OptionKinds<RedisBrokerOptions> = {
  url: "other",
  ca: PEM,
  prefix: NAME,
  idleMs: { ...TIMER_MS, least: 0 },
  maxBytes: COUNT_FROM_ONE,
  now: CLOCK,
};

/**
 * Checks the options of a `RedisBroker`, except `url`.
 *
 * @throws TypeError for an unknown option, or a value of the wrong kind
 */
export function assertRedisOptions(options: RedisBrokerOptions): void {
  assertOptions(options, KINDS, "a RedisBroker");
}
