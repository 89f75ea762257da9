import { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { childContext, copySeen } from "../context/child.ts";
import { type Context, lineage, ownPattern, ROOT_PATH } from "../context/context.ts";
import { type ContextCopy, copiesWith } from "../context/prototype.ts";
import type { Session } from "../upgrade/session.ts";

/** The context of the handshake, on the handler's context. */
const LIVE = Symbol("live");
/** The request's target, as the handler's app sees it. */
const TARGET = Symbol("target");
/** The app of a context and the apps above, the nearest first. */
const APPS = Symbol("apps");

const copies = new WeakMap<object, ContextCopy>();

/**
 * Makes the context of a handler. Its path, parameters and address stay as they were at the
 * handshake, although koa-mount restores the shared request's path, and the socket closes later.
 * Its `req` and `request` are made at their first use.
 */
export function handlerContext(live: Context): Context {
  const above: object = Object.getPrototypeOf(live);
  let Copy = copies.get(above);
  if (!Copy) {
    const apps = { value: [...lineage(live)].map(({ app }) => app) };
    Copy = copiesWith(Object.create(above, { ...LAZY, [APPS]: apps }));
    copies.set(above, Copy);
  }
  const ctx = new Copy(live);
  copySeen(live, ctx);
  ctx[LIVE] = live;
  ctx[TARGET] = live.req.url;
  ctx.params = { ...live.params };
  return ctx;
}

/** Gives the handler's app and the apps above, the nearest first. */
export function appsOf(ctx: Context): readonly Koa[] {
  return ctx[APPS];
}

const LAZY: PropertyDescriptorMap = {
  pattern: {
    get(this: Context) {
      return ownPattern(this);
    },
    set: set("pattern"),
  },
  req: {
    get(this: Context) {
      const { req } = this[LIVE];
      return own(
        this,
        "req",
        Object.create(req, {
          url: { value: this[TARGET], writable: true },
          // Koa caches the parsed URL here, and changes it in place when the path is restored.
          _parsedUrl: { value: undefined, writable: true },
        }),
      );
    },
    set: set("req"),
  },
  request: {
    get(this: Context) {
      const { request } = this[LIVE];
      const mine = Object.assign(Object.create(Object.getPrototypeOf(request)), request);
      mine.req = this.req;
      mine.ctx = this;
      return own(this, "request", mine);
    },
    set: set("request"),
  },
};

function set(name: string): (this: Context, value: unknown) => void {
  return function (value) {
    own(this, name, value);
  };
}

function own(ctx: Context, name: string, value: unknown): unknown {
  Object.defineProperty(ctx, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  return value;
}

/**
 * Makes the context of an error report for a handler that takes no `ctx`, so that its request is
 * gone. The context has the apps, the path and the mount, but no headers, query or parameters.
 *
 * @param apps the handler's app and the apps above, the nearest first
 * @param session the session whose handler has failed
 */
export function reportContext(apps: readonly Koa[], session: Session): Context {
  const { path, mountPath, socket } = session;
  const req = new IncomingMessage(socket);
  req.method = "GET";
  req.url = path;
  const res = new ServerResponse(req);
  res.statusCode = 101;
  const [root, ...others] = [...apps].reverse() as [Koa, ...Koa[]];
  let ctx = root.createContext(req, res) as Context;
  for (const app of others) ctx = childContext(ctx, app, mountPath, mountPath);
  req.url = path.slice(mountPath.length - (ctx[ROOT_PATH] ?? "").length);
  return ctx;
}
