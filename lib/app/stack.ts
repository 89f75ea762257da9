import Koa from "koa";
import koaCompose from "koa-compose";
import { contextUnderKoaMount } from "../context/child.ts";
import { BEHIND, type Context, NO_PARAMS, PARENT, SEEN } from "../context/context.ts";
import { onerrorAbove, rethrow } from "../context/errors.ts";
import { parseQueriesOnce } from "../http/query.ts";
import { answerMissingSlash } from "./missing-slash.ts";
import { leave } from "./mount.ts";

type Middleware = Koa.Middleware;

/** A function that composes middleware, like Koa's option `compose`. */
type Compose = (middleware: Middleware[]) => (ctx: Koa.Context) => Promise<void>;

const CREATE_CONTEXT = Koa.prototype.createContext;

/**
 * The middleware of one app, and its entrance. A request enters from the app's server, from a
 * mount in a parent App, or from koa-mount in a plain Koa app.
 */
export class Stack {
  readonly #app: Koa;
  readonly #compose: Compose;
  readonly #last: (ctx: Context) => Promise<void>;
  readonly #middleware: Middleware[] = [];
  // Composed at the first request, by the user's compose function if the app has one.
  #run: ReturnType<Compose> | undefined;

  /**
   * Adds itself to an app as the first middleware, and replaces the app's `compose`.
   *
   * @param app an app without middleware
   * @param compose composes the user's middleware; koa-compose by default
   * @param last runs behind all middleware
   */
  constructor(app: Koa, compose: Compose | undefined, last: (ctx: Context) => Promise<void>) {
    const ours = koaCompose as Compose;
    const own = compose ?? ours;
    // Koa, koa-mount and `attach` compose this array only once, but users may add middleware later.
    // The user's compose function is for the user's middleware only.
    const enter: Middleware = (ctx, next) => this.#enter(ctx as Context, next);
    const composeEither: Compose = (middleware) =>
      (middleware.includes(enter) ? ours : own)(middleware);
    this.#app = app;
    this.#compose = own;
    this.#last = last;
    app.middleware.push(enter);
    Object.assign(app, { compose: composeEither });
  }

  /**
   * Adds middleware behind the present middleware.
   *
   * @throws TypeError when `middleware` is not a function
   */
  use(middleware: Middleware): void {
    if (typeof middleware !== "function") {
      throw new TypeError(`expected a middleware function, but got ${typeof middleware}`);
    }
    this.#middleware.push(middleware);
    this.#run = undefined;
  }

  // These functions are not async: an async function costs each request about 400 bytes, and a
  // microtask on the way back.
  #enter(ctx: Context, next: Koa.Next): Promise<void> {
    if (ctx.app !== this.#app) return this.#enterUnderKoaMount(ctx, next);
    if (ctx[PARENT]) return this.#begin(ctx);
    if (this.#app.createContext !== CREATE_CONTEXT) ctx[SEEN] = true;
    return this.#begin(ctx).catch((error) => rethrow(error, ctx));
  }

  #enterUnderKoaMount(ctx: Context, next: Koa.Next): Promise<void> {
    const inside = contextUnderKoaMount(ctx, this.#app);
    if (!inside) return answerMissingSlash(ctx);
    parseQueriesOnce(ctx.request.app);
    inside[BEHIND] = next;
    ctx.onerror = onerrorAbove;
    return this.#begin(inside).then(
      () => leave(inside),
      (error) => {
        leave(inside);
        return rethrow(error, inside);
      },
    );
  }

  #begin(ctx: Context): Promise<void> {
    // A user has put middleware before ours with `app.middleware.unshift`.
    if (this.#app.middleware.length > 1) ctx[SEEN] = true;
    if (this.#middleware.length === 0) return this.#last(ctx);
    ctx[SEEN] = true;
    if (ctx.params === NO_PARAMS) ctx.params = {};
    this.#run ??= this.#compose([...this.#middleware, (inside) => this.#last(inside as Context)]);
    return this.#run(ctx);
  }
}
