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

/** The kinds of {@link LifespanDeadlines}. */
export const LIFESPAN_KINDS: OptionKinds<LifespanDeadlines> = {
  startMs: TIMER_MS,
  stopMs: TIMER_MS,
};

/** Aborts a start. */
export interface StartAbort {
  /** After the abort, no further lifespan starts. */
  readonly signal: AbortSignal;
  /** How long the lifespan that is starting may still take after the abort, in milliseconds. */
  readonly startMs: number;
  /** How long each stop may take after the abort, in milliseconds. */
  readonly stopMs: number;
}

/** Apps in the order of their start, each with its parent. */
type Family = Map<SubApp, SubApp | undefined>;

interface Started {
  readonly app: SubApp;
  readonly life: AsyncGenerator<void, void, Stop>;
}

/** For each app, the number of servers that run its lifespans. */
const running = new WeakMap<Koa, number>();

/** Whether an app is started. A lifespan that is added to a started app never runs. */
export function isStarted(app: Koa): boolean {
  return (running.get(app) ?? 0) > 0;
}

/**
 * Checks that an app can be mounted in a parent that is already started.
 *
 * @param what the remedy for the message, such as "mount it at /ws"
 * @throws Error when the app, or an app mounted in it, has a lifespan: that would never start
 */
export function assertWithoutLifespans(app: Koa, what: string): void {
  for (const each of familyOf(app).keys()) {
    if (each.lifespans?.length && !isStarted(each)) throw lateLifespan(what);
  }
}

/** Makes the error for a lifespan that comes too late. */
export function lateLifespan(what: string): Error {
  return new Error(
    "expected lifespans before the start of the app, but got one for a started app, where it " +
      `would never run; ${what} before run(app) or serve(app)`,
  );
}

const START_MS = 30_000;
const STOP_MS = 5_000;

/**
 * Starts the lifespans of an app and of all apps mounted in it. An app starts before its mounts,
 * and the mounts start in mount order. An app that is mounted twice starts once.
 *
 * @param abort aborts the start
 * @returns a function that stops the lifespans in reverse, each within `stopMs`. When a stop
 *   fails, `error` fires on the lifespan's app, or on the nearest app above that listens; the other
 *   lifespans still stop
 * @throws the error of the lifespan that failed to start, an Error for a start over its deadline,
 *   or the reason of the abort. The lifespans that had started are stopped first
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
      // A lifespan may have mounted more apps.
      for (const mount of each.mounts ?? []) familyOf(mount.app, each, family);
      count(each, 1);
      counted.push(each);
    }
    abort?.signal.throwIfAborted();
  } catch (error) {
    // A generator that threw has ended. Stopping it again does nothing.
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
  // A generator cannot read the argument of the first `next`.
  const { done } = await inTime(life.next({ stopMs: 0 }), ms, "start");
  if (done) throw new Error("expected a lifespan to yield once, but it returned without a yield");
}

// Resolves to true when a start is still running `startMs` after an abort. The start cannot be
// interrupted; its later failure is ignored.
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

// An app and the apps above it, the nearest first.
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
      `expected a lifespan to ${what} within ${ms} ms, but it is still running`,
    );
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
