import type Koa from "koa";
import { wholeError } from "./error.ts";

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

/** An app with lifespans and mounted apps; a plain Koa app has neither. */
export interface Living extends Koa {
  readonly lifespans?: readonly Lifespan[];
  readonly mounts?: readonly { readonly app: Koa }[];
}

/** Deadlines for lifespans. */
export interface LifespanDeadlines {
  /** How long one start may take, in milliseconds. Default 30,000. */
  startMs?: number;
  /** How long one stop may take, in milliseconds. Default 5,000. */
  stopMs?: number;
}

/** Apps in the order of their start, each with the one it is mounted in. */
type Family = Map<Living, Living | undefined>;

interface Started {
  readonly app: Living;
  readonly life: AsyncGenerator<void, void, Stop>;
}

const START_MS = 30_000;
const STOP_MS = 5_000;

/**
 * Starts the lifespans of an app and of all that is mounted in it: an app before its mounts, the
 * mounts in mount order, an app that is mounted twice once.
 *
 * @returns a function that stops them in reverse, each within `stopMs`; an error of a stop is
 *   fired as `error` on its app, or the nearest above that listens, and the others are stopped
 *   all the same
 * @throws what a start throws, or an Error when one is late, after stopping those already started
 */
export async function startLifespans(
  app: Koa,
  deadlines: LifespanDeadlines = {},
): Promise<(deadlines?: LifespanDeadlines) => Promise<void>> {
  const started: Started[] = [];
  const family = familyOf(app);
  const stop = (later: LifespanDeadlines = deadlines) =>
    stopAll(started, family, later.stopMs ?? STOP_MS);
  try {
    for (const each of family.keys()) {
      for (const lifespan of each.lifespans ?? []) {
        const life = lifespan();
        started.push({ app: each, life });
        await startOne(life, deadlines.startMs ?? START_MS);
      }
    }
  } catch (error) {
    // A generator that threw has ended by itself: stopping it again does nothing.
    await stop();
    throw error;
  }
  return stop;
}

async function startOne(life: AsyncGenerator<void, void, Stop>, ms: number): Promise<void> {
  // What the first `next` carries, nobody reads.
  const { done } = await inTime(life.next({ stopMs: 0 }), ms, "start");
  if (done) throw new Error("expected a lifespan to yield once, but it returned without a yield");
}

async function stopAll(started: Started[], family: Family, ms: number): Promise<void> {
  for (const { app, life } of started.splice(0).reverse()) {
    try {
      const { done } = await inTime(life.next({ stopMs: ms }), ms, "stop");
      if (!done) throw new Error("expected a lifespan to yield once, but it yielded again");
    } catch (error) {
      fire(error, app, family);
    }
  }
}

function fire(error: unknown, app: Living, family: Family): void {
  const whole = wholeError(error);
  let at: Living | undefined = app;
  while (at && at.listenerCount("error") === 0) at = family.get(at);
  if (at) at.emit("error", whole);
  else app.onerror(whole);
}

function familyOf(app: Living, above?: Living, family: Family = new Map()): Family {
  if (family.has(app)) return family;
  family.set(app, above);
  for (const mount of app.mounts ?? []) familyOf(mount.app, app, family);
  return family;
}

async function inTime<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(
      `expected a lifespan to ${what} within ${ms} ms, but it is still at it`,
    );
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
