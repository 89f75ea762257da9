import type Koa from "koa";
import type { PathSettings } from "../http/admission.ts";
import type { Capacity } from "../http/capacity.ts";

/** What a lifespan's `yield` gives back when it is time to stop. */
export interface Stop {
  /** How long the stop may take, in milliseconds. */
  readonly stopMs: number;
}

/**
 * An app's life: up to the `yield` runs before the server listens, the rest after the last
 * handler has ended.
 */
export type Lifespan = () => AsyncGenerator<void, void, Stop>;

/** Where a named route is, inside its app. */
export interface RouteLink {
  readonly path: string;
  /** Whether it is a WebSocket route. */
  readonly socket: boolean;
}

/**
 * An app as the framework meets it in a tree of apps: one of ours has all of this, and any other
 * Koa app nothing of it.
 */
export interface SubApp extends Koa {
  /** The apps mounted in it. */
  readonly mounts?: readonly { readonly app: Koa }[];
  readonly lifespans?: readonly Lifespan[];
  /** Counts its connections, where it has a limit of its own. */
  readonly limits?: Capacity | undefined;
  /** What the apps on the way to a raw path have set for the admission. */
  settingsAt?(path: string): PathSettings;
  /** The path of a named route, or undefined. */
  linkTo?(name: string, params: Record<string, string | number>): RouteLink | undefined;
  /** What it serves, in a few words, for messages. */
  describe?(): string;
}
