import { inspect } from "node:util";
import Koa from "koa";
import { type Context, lineage, PARENT } from "./context.ts";

const origins = new WeakMap<object, Context>();

/**
 * Notes in which app an error was thrown. The deepest app comes first and stays: the error is its
 * own, wherever it is caught. An error object that is thrown for every request does not keep the
 * first one's context.
 */
export function markOrigin(error: unknown, ctx: Context): void {
  if (typeof error !== "object" || error === null || originOf(error, ctx)) return;
  origins.set(error, ctx);
}

/**
 * The context of the mounted app that threw an error.
 *
 * @param error what was thrown
 * @param above the context where it arrived
 * @returns undefined when the error did not come from below `above`
 */
function originOf(error: unknown, above: Context): Context | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const origin = origins.get(error);
  return origin && [...lineage(origin)].includes(above) ? origin : undefined;
}

/** What was thrown, as an Error: listeners of `error` may count on one. */
export function wholeError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`non-error thrown: ${shown(thrown)}`);
}

// Not String(): an object without a prototype has no toString.
function shown(thrown: unknown): string {
  try {
    return typeof thrown === "string" ? thrown : inspect(thrown);
  } catch {
    return "something that cannot be shown";
  }
}

/** Fires `error` on the app of a context, or on the nearest one above that listens. */
export function fireError(thrown: unknown, ctx: Context): void {
  fire(appsOf(ctx), thrown, ctx);
}

/**
 * For work that outlives its request: what fires `error` on the app of the request, or on the
 * nearest one above that listens, and holds nothing of the request.
 *
 * @param ctx the context of the request
 * @returns fires `error`, without a context
 */
export function errorReporter(ctx: Context): (thrown: unknown) => void {
  const apps = appsOf(ctx);
  return (thrown) => fire(apps, thrown);
}

function appsOf(ctx: Context): Koa[] {
  return [...lineage(ctx)].map(({ app }) => app);
}

function fire(apps: readonly Koa[], thrown: unknown, ctx?: Context): void {
  const app = apps.find((each) => each.listenerCount("error") > 0);
  try {
    app?.emit("error", wholeError(thrown), ctx);
  } catch (failure) {
    // A listener that throws must not take the process down with it.
    app?.onerror(wholeError(failure));
  }
}

const koaOnerror = (new Koa().context as unknown as { onerror(error: unknown): void }).onerror;

/**
 * Koa's `ctx.onerror`, told that the request is one of the app that threw: `error` fires there,
 * or on the nearest app above that listens.
 */
export function onerror(this: Context, error: unknown): void {
  let at: Context = originOf(error, this) ?? this;
  while (at !== this && at.app.listenerCount("error") === 0) at = at[PARENT];
  koaOnerror.call(at, error);
}
