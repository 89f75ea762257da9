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
  /** The environment. Default `NODE_ENV`, or "development". */
  env?: string;
  /** Keys for signed cookies. An app without keys uses the keys of the app above. */
  keys?: string[];
  /** Whether middleware has `app.currentContext`. Default false. */
  asyncLocalStorage?: boolean;
  /** A function that composes the app's middleware. Default koa-compose. */
  compose?: typeof compose;
  /** More origins that may connect to this app and the apps in it, beside the server's own. */
  allowedOrigins?: readonly string[];
  /** The longest request body of this app and the apps in it, in bytes, not the server's. */
  maxBodyBytes?: number;
  /** Most connections of this app and the apps in it; more handshakes get 503. Default none. */
  maxConnections?: number;
}

/** The options of Koa that {@link AppOptions} does not have. */
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
 * @throws TypeError for an unknown option, a number outside its range, or a malformed origin
 */
export function assertAppOptions(options: AppOptions): void {
  assertOptions(options, KINDS, "an App");
  assertOrigins(options.allowedOrigins);
}
