import { AsyncLocalStorage } from "node:async_hooks";
import type compose from "koa-compose";
import { assertOrigins } from "../http/origin.ts";
import {
  assertOptions,
  type Choice,
  COUNT,
  FLAG,
  type OptionKinds,
  orElse,
  TEXTS,
} from "../options.ts";

/** Koa's own options, and the limits of one app. */
export interface AppOptions {
  /** Environment, `NODE_ENV` or "development" by default. */
  env?: string;
  /** Keys for signed cookies; an app without its own uses those of the app above. */
  keys?: string[];
  /** Give middleware `app.currentContext`. */
  asyncLocalStorage?: boolean;
  /** Composes the app's middleware, in place of koa-compose. */
  compose?: typeof compose;
  /** Origins that may connect to this app and those mounted in it, beside the server's. */
  allowedOrigins?: readonly string[];
  /** The longest body of a request to this app or those in it, in bytes, in place of the server's. */
  maxBodyBytes?: number;
  /** How many connections this app and those mounted in it may have; more get 503. */
  maxConnections?: number;
}

/** What of Koa's options {@link AppOptions} does not name. */
interface KoaOptions {
  proxy?: boolean;
  proxyIpHeader?: string;
  maxIpsCount?: number;
  subdomainOffset?: number;
}

const STORAGE: Choice = {
  expected: "an AsyncLocalStorage",
  holds: (value) => value instanceof AsyncLocalStorage,
};

const KINDS: OptionKinds<AppOptions & KoaOptions> = {
  env: "other",
  keys: "other",
  asyncLocalStorage: orElse(FLAG, STORAGE),
  compose: "other",
  proxy: FLAG,
  proxyIpHeader: "other",
  maxIpsCount: COUNT,
  subdomainOffset: COUNT,
  allowedOrigins: TEXTS,
  maxBodyBytes: COUNT,
  maxConnections: COUNT,
};

/**
 * Checks the options of an app.
 *
 * @throws TypeError for an unknown option, a number outside its range, or an origin that is none
 */
export function assertAppOptions(options: AppOptions): void {
  assertOptions(options, KINDS, "an App");
  assertOrigins(options.allowedOrigins);
}
