import type Koa from "koa";
import koaCompose from "koa-compose";
import koaMount from "koa-mount";
import { childContext } from "../context/child.ts";
import { type Context, markRoute, PATTERN, PREFIX } from "../context/context.ts";
import { markBody, markOrigin } from "../context/errors.ts";
import type { SubApp } from "../context/sub-app.ts";
import type { MountMatch } from "./mount-table.ts";

type Run = (ctx: Context) => Promise<void>;

const NO_PARENT_BEHIND = async (): Promise<void> => {};

/** A Koa app under a prefix. For a path that it does not know, the app itself answers 404. */
export class Mount {
  /** The mounted app: an App, or any other Koa app. */
  readonly app: Koa;
  /** The prefix without a final slash, "" for `/`. */
  readonly prefix: string;
  readonly #site: { readonly stack?: string };
  /** The last pattern of the parent, and the whole pattern below it: a cache of one entry. */
  #above = "";
  #pattern: string;
  readonly #enter: (ctx: Context, match: MountMatch<Mount> | undefined) => Promise<void>;

  /**
   * @param prefix a prefix without a final slash, "" for `/`
   * @param app the app to run there
   * @param site an object whose stack begins with the line that mounts the app, for messages
   */
  constructor(prefix: string, app: Koa, site: { readonly stack?: string }) {
    this.#site = site;
    this.prefix = prefix;
    this.app = app;
    this.#pattern = prefix;
    const run = runner(app);
    this.#enter = prefix.includes("/:") ? strippedByMatch(run) : strippedByKoaMount(prefix, run);
  }

  /** Describes the app for messages: what it serves, and the line that mounted it. */
  toString(): string {
    const line = firstLineOf(this.#site);
    const app = (this.app as SubApp).describe?.() ?? "a plain Koa app";
    return line === undefined ? app : `${app} that was mounted at ${line}`;
  }

  /**
   * Runs the app for a request that belongs to it.
   *
   * @param parent the context of the app above
   * @param match the match in the mount table; undefined for the mount at `/`
   */
  enter(parent: Context, match?: MountMatch<Mount>): Promise<void> {
    const mountPath = (parent[PREFIX] ?? "") + (match?.prefix ?? "");
    const pattern = this.#patternBelow(parent[PATTERN] ?? "");
    const ctx = childContext(parent, this.app, mountPath, pattern, match?.params);
    return this.#enter(ctx, match).then(
      () => leave(ctx),
      (error) => {
        markOrigin(error, ctx);
        leave(ctx);
        throw error;
      },
    );
  }

  // All requests share this string, because an idle connection holds it.
  #patternBelow(above: string): string {
    if (above !== this.#above) {
      this.#above = above;
      this.#pattern = above + this.prefix;
    }
    return this.#pattern;
  }
}

function firstLineOf({ stack = "" }: { readonly stack?: string }): string | undefined {
  const line = stack.split("\n")[1];
  return line?.replace(/^\s*at (?:.*\()?|\)$/g, "").replace("file://", "");
}

/** Notes what the contexts above need, when a request leaves an app on its way up. */
export function leave(ctx: Context): void {
  markBody(ctx);
  markRoute(ctx);
}

function strippedByKoaMount(prefix: string, run: Run): (ctx: Context) => Promise<void> {
  const middleware = koaMount(prefix || "/", (stripped: Koa.Context) => {
    const ctx = stripped as Context;
    // koa-mount has just written its own prefix here, without the prefixes above.
    ctx.mountPath = ctx[PREFIX];
    return run(ctx);
  });
  return (ctx) => middleware(ctx as Koa.Context, NO_PARENT_BEHIND) as Promise<void>;
}

// Strips a prefix with parameters, which koa-mount cannot do.
function strippedByMatch(run: Run): (ctx: Context, match?: MountMatch<Mount>) => Promise<void> {
  return async (ctx, match) => {
    const path = ctx.path;
    ctx.path = path.slice(match?.prefix.length);
    try {
      await run(ctx);
    } finally {
      ctx.path = path;
    }
  };
}

// Koa composes an app's middleware when the app starts to listen. A mounted app never listens, and
// an app may get more middleware after it was mounted.
function runner(app: Koa): Run {
  let composed: koaCompose.ComposedMiddleware<Koa.Context> | undefined;
  let length = -1;
  return (ctx) => {
    if (!composed || app.middleware.length !== length) {
      length = app.middleware.length;
      const { compose = koaCompose } = app as { compose?: typeof koaCompose };
      // A copy: the user's compose function may change the array.
      composed = compose([...app.middleware]) as koaCompose.ComposedMiddleware<Koa.Context>;
    }
    const run = () => (composed as koaCompose.ComposedMiddleware<Koa.Context>)(ctx);
    return app.ctxStorage ? app.ctxStorage.run(ctx, run) : run();
  };
}
