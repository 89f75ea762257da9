import { EventEmitter, errorMonitor } from "node:events";
import { inspect } from "node:util";
import Koa from "koa";
import { type Context, lineage } from "./context.ts";

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

/**
 * Notes in which app an error was thrown that leaves the outermost app of ours.
 *
 * @throws Error the same one, or one in place of nothing: Koa takes that for no error
 */
export function rethrow(error: unknown, ctx: Context): never {
  const thrown = error ?? wholeError(error);
  markOrigin(thrown, ctx);
  throw thrown;
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
  fireOn(appsOf(ctx), thrown, ctx);
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
  return (thrown) => fireOn(apps, thrown);
}

function appsOf(ctx: Context): Koa[] {
  return [...lineage(ctx)].map(({ app }) => app);
}

/**
 * Fires `error` on the first of some apps that listens, or on the last.
 *
 * @param apps an app and those above it, the nearest first
 * @param thrown whatever was thrown
 * @param ctx the context of the request, if it is of one
 */
export function fireOn(apps: readonly Koa[], thrown: unknown, ctx?: Context): void {
  const app = nearestListening(apps, (each) => each);
  if (app) tell(app, wholeError(thrown), ctx);
}

// Whose `error` event an error is: the first app that listens, or the last where none does.
function nearestListening<T>(all: readonly T[], appOf: (each: T) => Koa): T | undefined {
  return all.find((each) => appOf(each).listenerCount("error") > 0) ?? all.at(-1);
}

// Not `emit`: a listener that throws would keep the others from hearing of it and, like a
// promise of one that is rejected, end the process.
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
 * A stream that is a body may fail before Koa sends it, while middleware above the route still
 * waits for something: without a listener that ends the process. Koa hears of it when it sends.
 */
export function guardBody(body: unknown): void {
  if (body instanceof EventEmitter) body.on("error", noop);
}

/** The body of a response that {@link markBody} knows, the context it is of, and what has failed. */
const BODY = Symbol("body");
const BODY_OF = Symbol("body of");
const FAILED = Symbol("failed");

type Response = Context["response"] & {
  [BODY]?: unknown;
  [BODY_OF]?: Context;
  [FAILED]?: unknown;
};

/**
 * Notes in which app the body of a response was made, when the request leaves that app: what Koa
 * cannot send of it later is that app's error. The deepest app comes first and stays.
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
 * Koa's `ctx.onerror`, told that the request is one of the app that threw, or whose body cannot
 * be sent: `error` fires there, or on the nearest app above that listens.
 */
export function onerror(this: Context, error: unknown): void {
  // The end of every response comes here.
  if (error === null || error === undefined) return;
  const thrown = typeof error !== "object" || originOf(error, this);
  fail(this, error, thrown || bodyOriginOf(this));
}

/**
 * The same for the context of a plain Koa app above one of ours. Nobody has marked what its own
 * middleware throws, so a body is at fault only when it is under way.
 */
export function onerrorAbove(this: Context, error: unknown): void {
  if (error === null || error === undefined) return;
  const isSent = this.res.headersSent || this.res.destroyed;
  fail(this, error, originOf(error, this) ?? (isSent ? bodyOriginOf(this) : undefined));
}

const koaOnerror = (new Koa().context as unknown as { onerror(error: unknown): void }).onerror;

// Koa comes here twice for one error of a stream: from its pipeline, and from the end of the
// response, which the pipeline destroys with it.
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
