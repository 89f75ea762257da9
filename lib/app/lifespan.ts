import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type Koa from "koa";
import { fireOn } from "../context/errors.ts";
import type { Stop, SubApp } from "../context/sub-app.ts";
import { type OptionKinds, TIMER_MS } from "../options.ts";

/** Deadlines for lifespans. */
export interface LifespanDeadlines {
  /** How long one start may take, in milliseconds. Default 30,000. */
  startMs?: number;
  /** How long one stop may take, in milliseconds. Default 5,000. */
  stopMs?: number;
}

/** What {@link LifespanDeadlines} may be. */
export const LIFESPAN_KINDS: OptionKinds<LifespanDeadlines> = {
  startMs: TIMER_MS,
  stopMs: TIMER_MS,
};

/** Ends a start before its time. */
export interface StartAbort {
  /** No further lifespan starts once it is aborted. */
  readonly signal: AbortSignal;
  /**
   * How long, from then on, the lifespan that is starting may still take, and how long each stop,
   * in milliseconds.
   */
  readonly startMs: number;
  readonly stopMs: number;
}

/** Apps in the order of their start, each with the one it is mounted in. */
type Family = Map<SubApp, SubApp | undefined>;

interface Started {
  readonly app: SubApp;
  readonly life: AsyncGenerator<void, void, Stop>;
}

/** Apps whose lifespans run, by how many servers. */
const running = new WeakMap<Koa, number>();

/** Whether the lifespans of an app have been started, so that one more would not be. */
export function isStarted(app: Koa): boolean {
  return (running.get(app) ?? 0) > 0;
}

/**
 * Checks that an app can be mounted although its parent is served already.
 *
 * @param what the remedy, before "before"
 * @throws Error when it, or what is mounted in it, has a lifespan: nobody would start it
 */
export function assertWithoutLifespans(app: Koa, what: string): void {
  for (const each of familyOf(app).keys()) {
    if (each.lifespans?.length && !isStarted(each)) throw lateLifespan(what);
  }
}

/** The error for a lifespan that comes too late. */
export function lateLifespan(what: string): Error {
  return new Error(
    "expected lifespans to be there when the app is started, but this one comes later and would " +
      `never run; ${what} before run(app) or serve(app)`,
  );
}

const START_MS = 30_000;
const STOP_MS = 5_000;

/**
 * Starts the lifespans of an app and of all that is mounted in it: an app before its mounts, the
 * mounts in mount order, an app that is mounted twice once.
 *
 * @param abort ends the start before its time
 * @returns a function that stops them in reverse, each within `stopMs`; an error of a stop is
 *   fired as `error` on its app, or the nearest above that listens, and the others are stopped
 *   all the same
 * @throws what a start throws, an Error when one is late, or the reason of the abort, after
 *   stopping those already started
 */
export async function startLifespans(
  app: Koa,
  deadlines: LifespanDeadlines = {},
  abort?: StartAbort,
): Promise<(deadlines?: LifespanDeadlines) => Promise<void>> {
  const started: Started[] = [];
  const family = familyOf(app);
  const counted: Koa[] = [];
  const stop = async (later: LifespanDeadlines = deadlines) => {
    await stopAll(started, family, later.stopMs ?? STOP_MS);
    for (const each of counted.splice(0)) count(each, -1);
  };
  try {
    for (const each of family.keys()) {
      for (const lifespan of each.lifespans ?? []) {
        abort?.signal.throwIfAborted();
        const life = lifespan();
        assertGenerator(life);
        started.push({ app: each, life });
        const startMs = deadlines.startMs ?? START_MS;
        if (await isAbandoned(startOne(life, startMs), abort)) started.pop();
      }
      // What they have mounted is not to be left out.
      for (const mount of each.mounts ?? []) familyOf(mount.app, each, family);
      count(each, 1);
      counted.push(each);
    }
    abort?.signal.throwIfAborted();
  } catch (error) {
    // A generator that threw has ended by itself: stopping it again does nothing.
    await stop(abort?.signal.aborted ? abort : deadlines);
    throw error;
  }
  return stop;
}

function count(app: Koa, more: 1 | -1): void {
  running.set(app, (running.get(app) ?? 0) + more);
}

function assertGenerator(life: Partial<AsyncGenerator>): void {
  if (typeof life?.next === "function") return;
  throw new TypeError(
    `expected a lifespan to be an async function* with one yield, but it returned ${life instanceof Promise ? "a promise" : typeof life}`,
  );
}

async function startOne(life: AsyncGenerator<void, void, Stop>, ms: number): Promise<void> {
  // What the first `next` carries, nobody reads.
  const { done } = await inTime(life.next({ stopMs: 0 }), ms, "start");
  if (done) throw new Error("expected a lifespan to yield once, but it returned without a yield");
}

// Whether a start has not ended in the time that is left of it after an abort. It cannot be
// interrupted, and what it fails of later nobody waits for.
async function isAbandoned(start: Promise<void>, abort: StartAbort | undefined): Promise<boolean> {
  if (!abort) return start.then(() => false);
  const { signal, startMs } = abort;
  const released = new AbortController();
  const abandoned = once(signal, "abort", { signal: released.signal })
    .then(() => pause(startMs, true, { signal: released.signal }))
    .catch(() => false);
  try {
    return await Promise.race([start.then(() => false), abandoned]);
  } finally {
    released.abort();
    start.catch(() => {});
  }
}

async function stopAll(started: Started[], family: Family, ms: number): Promise<void> {
  for (const { app, life } of started.splice(0).reverse()) {
    try {
      const { done } = await inTime(life.next({ stopMs: ms }), ms, "stop");
      if (!done) throw new Error("expected a lifespan to yield once, but it yielded again");
    } catch (error) {
      fireOn(lineOf(app, family), error);
    }
  }
}

// An app of a family and those above it, the nearest first.
function lineOf(app: SubApp, family: Family): Koa[] {
  const line: Koa[] = [];
  for (let at: SubApp | undefined = app; at; at = family.get(at)) line.push(at);
  return line;
}

function familyOf(app: SubApp, above?: SubApp, family: Family = new Map()): Family {
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
