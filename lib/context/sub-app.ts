import type Koa from "koa";
import type { PathSettings } from "../http/admission.ts";
import type { Capacity } from "../http/capacity.ts";

/** The value that a lifespan's `yield` returns when the app stops. */
export interface Stop {
  /** How long the stop may take, in milliseconds. */
  readonly stopMs: number;
}

/**
 * The code for an app's start and stop. The code up to the `yield` runs before the server listens,
 * the rest after the last handler has ended.
 */
export type Lifespan = () => AsyncGenerator<void, void, Stop>;

/** The place of a named route, inside its app. */
export interface RouteLink {
  readonly path: string;
  /** Whether the route is a WebSocket route. */
  readonly socket: boolean;
}

/**
 * Any Koa app in a tree of apps. An `App` has all of these members; another Koa app has none of
 * them.
 */
export interface SubApp extends Koa {
  /** The mounts of the app. */
  readonly mounts?: readonly { readonly app: Koa }[];
  /** The app's lifespans, in the order of their start. */
  readonly lifespans?: readonly Lifespan[];
  /** Counts the app's connections; undefined for an app without a limit. */
  readonly limits?: Capacity | undefined;
  /** Gives the admission settings for a raw path. */
  settingsAt?(path: string): PathSettings;
  /** Gives the path of a named route, or undefined. */
  linkTo?(name: string, params: Record<string, string | number>): RouteLink | undefined;
  /** Describes what the app serves, in a few words, for messages. */
  describe?(): string;
}
