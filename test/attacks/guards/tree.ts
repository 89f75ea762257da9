// Trees of apps of every shape, in which some are guarded.

import fc from "fast-check";
import Koa from "koa";
import { App } from "koa-subapps";

/** What the guards ask for in `X-Token`. */
export const TOKEN = "sesame";

/** An app, what it is like, and what is mounted in it. */
export interface Tree {
  readonly prefix: string;
  /** Whether a middleware of its own asks for the token. */
  readonly guarded: boolean;
  /** Whether that is registered after the routes and mounts. */
  readonly late: boolean;
  /** Whether it is a plain Koa app, without WebSockets and mounts. */
  readonly plain: boolean;
  readonly children: readonly Tree[];
}

/** A path at which an app would answer, unless another one goes before it. */
export interface Target {
  /** Which app that would be. */
  readonly at: string;
  readonly path: string;
  readonly socket: boolean;
  readonly guarded: boolean;
}

/** The apps of a tree. */
export interface Grown {
  readonly root: App;
  readonly targets: readonly Target[];
  /** The apps whose handlers ran, in order. */
  readonly entered: string[];
  /** Where a guarded handler ran for somebody without the token. */
  readonly breaches: string[];
}

/** Another guard than a tree's own. */
export interface RootGuard {
  readonly guard: Koa.Middleware;
  readonly isGuarded: (mountPath: string) => boolean;
}

const segment = fc.constantFrom(
  "admin",
  "Admin",
  "api",
  "a",
  "a.b",
  "...",
  "a;b",
  "$",
  "~",
  "%61dmin",
  "caf%C3%A9",
  "a%2Fb",
);
const prefix = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(segment, { minLength: 1, maxLength: 2 }).map((s) => `/${s.join("/")}`),
  },
  { weight: 3, arbitrary: fc.constantFrom("/", "/:org", "/:org/admin", "/admin/:id") },
);

function tree(depth: number): fc.Arbitrary<Tree> {
  const children =
    depth === 0
      ? fc.constant([])
      : fc.uniqueArray(tree(depth - 1), {
          maxLength: 3,
          selector: (child) => child.prefix.replace(/:\w+/g, ":"),
        });
  return fc.record({
    prefix,
    guarded: fc.boolean(),
    late: fc.boolean(),
    plain: fc.boolean(),
    children,
  });
}

/** Trees of up to four levels; the root is never guarded, and something below it always is. */
export const trees: fc.Arbitrary<Tree> = fc
  .tuple(tree(2), tree(2), tree(1))
  .map(([one, two, three]) => {
    const shape = (each: Tree) => each.prefix.replace(/:\w+/g, ":");
    const children = [{ ...one, guarded: true }];
    for (const each of [two, three]) {
      if (children.every((other) => shape(other) !== shape(each))) children.push(each);
    }
    return { prefix: "/", guarded: false, late: false, plain: false, children };
  });

function tokenGuard(ctx: Koa.Context, next: Koa.Next): unknown {
  if (ctx.get("x-token") === TOKEN) return next();
  ctx.status = 401;
  ctx.body = "no token";
  return undefined;
}

/**
 * Makes the apps of a tree.
 *
 * @param instead a guard of the root in place of the tree's own
 */
export function grow(whole: Tree, instead?: RootGuard): Grown {
  const targets: Target[] = [];
  let apps = 0;
  const entered: string[] = [];
  const breaches: string[] = [];

  const enter = (at: string, guarded: boolean, ctx: Koa.Context): void => {
    entered.push(at);
    if (guarded && ctx.get("x-token") !== TOKEN) breaches.push(`${at} by ${ctx.originalUrl}`);
  };

  const growOne = (one: Tree, above: string, guardedAbove: boolean): Koa => {
    const mountPath = above + (one.prefix === "/" ? "" : one.prefix);
    const guarded = instead ? instead.isGuarded(mountPath) : guardedAbove || one.guarded;
    const at = `app ${apps++} at ${mountPath || "/"}`;
    const note = (path: string, socket: boolean) => {
      targets.push({ at, path: mountPath.replace(/:\w+/g, "acme") + path, socket, guarded });
    };
    if (one.plain && one.children.length === 0) {
      const plain = new Koa();
      if (one.guarded) plain.use(tokenGuard);
      plain.use((ctx) => {
        enter(at, guarded, ctx);
        ctx.body = at;
      });
      note("/", false);
      return plain;
    }
    const app = new App();
    const guard = () => {
      if (instead && one === whole) app.use(instead.guard);
      if (one.guarded) app.use(tokenGuard);
    };
    if (!one.late) guard();
    const answer = (ctx: Koa.Context) => {
      enter(at, guarded, ctx);
      ctx.body = at;
    };
    app.router.all("/", answer as never);
    app.router.get("/secret", answer as never);
    app.router.post("/secret/:id/", answer as never);
    app.router.get("/secret/:id/", answer as never);
    app.websocket("/", (_socket, ctx) => enter(at, guarded, ctx as unknown as Koa.Context));
    app.websocket("/live/:id", (_socket, ctx) => enter(at, guarded, ctx as unknown as Koa.Context));
    for (const child of one.children) app.mount(child.prefix, growOne(child, mountPath, guarded));
    if (one.late) guard();
    for (const path of ["/", "/secret", "/secret/7/"]) {
      note(path, false);
    }
    for (const path of ["/", "/live/7"]) note(path, true);
    return app;
  };

  const root = growOne(whole, "", false) as App;
  return { root, targets, entered, breaches };
}
