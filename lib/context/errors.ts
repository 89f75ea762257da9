import { EventEmitter, errorMonitor } from "node:events";
import { inspect } from "node:util";
import Koa from "koa";
import { type Context, lineage } from "./context.ts";

const origins = new WeakMap<object, Context>();

/**
 * Notes in which app an error was thrown. The innermost app that sees an error owns it, whichever
 * app catches it. One error object may be thrown for many requests; the note of a later request
 * replaces the note of an earlier one.
 */
export function markOrigin(error: unknown, ctx: Context): void {
  if (typeof error !== "object" || error === null || originOf(error, ctx)) return;
  origins.set(error, ctx);
}

/**
 * Gives the context of the mounted app that threw an error.
 *
 * @param error the thrown value
 * @param above the context where the error arrived
 * @returns undefined when the error does not come from `above` or an app below it
 */
function originOf(error: unknown, above: Context): Context | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const origin = origins.get(error);
  return origin && [...lineage(origin)].includes(above) ? origin : undefined;
}

/**
 * Notes the owner of an error that leaves the outermost App, and throws the error on.
 *
 * @throws the same error, or an Error in place of null and undefined, which Koa takes for success
 */
export function rethrow(error: unknown, ctx: Context): never {
  const thrown = error ?? wholeError(error);
  markOrigin(thrown, ctx);
  throw thrown;
}

/** Turns any thrown value into an Error, because listeners of `error` expect an Error. */
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

/** Fires `error` on the app of a context, or on the nearest app above that listens. */
export function fireError(thrown: unknown, ctx: Context): void {
  fireOn(appsOf(ctx), thrown, ctx);
}

/**
 * Makes a function that reports errors of work that outlives its request. The function fires
 * `error` on the request's app, or on the nearest app above that listens. It does not hold the
 * request.
 *
 * @param ctx the context of the request
 * @returns a function that fires `error` without a context
 */
export function errorReporter(ctx: Context): (thrown: unknown) => void {
  const apps = appsOf(ctx);
  return (thrown) => fireOn(apps, thrown);
}

function appsOf(ctx: Context): Koa[] {
  return [...lineage(ctx)].map(({ app }) => app);
}

/**
 * Fires `error` on the first app that listens; on the last app when none listens.
 *
 * @param apps an app and the apps above it, the nearest first
 * @param thrown any thrown value
 * @param ctx the context of the request, if the error belongs to a request
 */
export function fireOn(apps: readonly Koa[], thrown: unknown, ctx?: Context): void {
  const app = nearestListening(apps, (each) => each);
  if (app) tell(app, wholeError(thrown), ctx);
}

// Finds the app whose `error` event fires: the first app that listens, or else the last app.
function nearestListening<T>(all: readonly T[], appOf: (each: T) => Koa): T | undefined {
  return all.find((each) => appOf(each).listenerCount("error") > 0) ?? all.at(-1);
}

// Not `emit`: when a listener throws, `emit` skips the other listeners, and the process ends. A
// rejected promise of a listener would end the process too.
function tell(app: Koa, error: Error, ctx?: Context): void {
  const listeners = [errorMonitor, "error"].flatMap((name) => app.rawListeners(name));
  if (app.listenerCount("error") === 0) app.onerror(error);
  for (const listener of listeners) {
    try {
      const told: unknown = listener.call(app, error, ctx);
      if (told instanceof Promise) told.catch((failure) => app.onerror(wholeError(failure)));
    } catch (failure) {
      app.onerror(wholeError(failure));
    }
  }
}

const noop = (): void => {};

/**
 * Keeps a failing stream from ending the process. A stream that is a response's body may fail
 * before Koa sends it, while middleware is still running. Koa sees the failure when it sends.
 */
export function guardBody(body: unknown): void {
  if (body instanceof EventEmitter) body.on("error", noop);
}

/** The body that {@link markBody} has noted. */
const BODY = Symbol("body");
/** The context of the app that made the body. */
const BODY_OF = Symbol("body of");
/** The last error that was handled for the response. */
const FAILED = Symbol("failed");

type Response = Context["response"] & {
  [BODY]?: unknown;
  [BODY_OF]?: Context;
  [FAILED]?: unknown;
};

/**
 * Notes which app made the body of a response, when the request leaves the app. When Koa cannot
 * send the body later, the error belongs to that app. The innermost app comes first and wins.
 */
export function markBody(ctx: Context): void {
  const response: Response = ctx.response;
  const { body } = response;
  if (typeof body !== "object" || body === null || response[BODY] === body) return;
  response[BODY] = body;
  response[BODY_OF] = ctx;
}

function bodyOriginOf({ response }: { response: Response }): Context | undefined {
  return response[BODY] === response.body ? response[BODY_OF] : undefined;
}

/**
 * Koa's `ctx.onerror`, for trees of apps. `error` fires on the app that threw, or whose body cannot
 * be sent, or else on the nearest app above that listens.
 */
export function onerror(this: Context, error: unknown): void {
  // Koa calls this at the end of every response, mostly without an error.
  if (error === null || error === undefined) return;
  const thrown = typeof error !== "object" || originOf(error, this);
  fail(this, error, thrown || bodyOriginOf(this));
}

/**
 * {@link onerror} for the context of a plain Koa app above an App. Errors of the plain app's own
 * middleware have no note. So an error without a note belongs to the body only after the response's
 * head was sent.
 */
export function onerrorAbove(this: Context, error: unknown): void {
  if (error === null || error === undefined) return;
  const isSent = this.res.headersSent || this.res.destroyed;
  fail(this, error, originOf(error, this) ?? (isSent ? bodyOriginOf(this) : undefined));
}

const koaOnerror = (new Koa().context as unknown as { onerror(error: unknown): void }).onerror;

// For one error of a stream, Koa calls this twice: from its pipeline, and from the end of the
// response, which the pipeline destroys with the same error.
function fail(ctx: Context, error: unknown, origin: Context | true | undefined): void {
  const response: Response = ctx.response;
  if (response[FAILED] === error) return;
  response[FAILED] = error;
  const line = [...lineage(origin === true || !origin ? ctx : origin)];
  const upToHere = line.slice(0, line.indexOf(ctx) + 1);
  const at = nearestListening(upToHere, ({ app }) => app as unknown as Koa) ?? ctx;
  const { app } = at;
  const emit = (_error: string, whole: Error) => tell(app, whole, at);
  koaOnerror.call(Object.create(at, { app: { value: { emit } } }), error);
}
