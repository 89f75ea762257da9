import { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { childContext, copySeen } from "../context/child.ts";
import { type Context, lineage, ownPattern, ROOT_PATH } from "../context/context.ts";
import { type ContextCopy, copiesWith } from "../context/prototype.ts";
import type { Session } from "../upgrade/session.ts";

/** The context of the handshake, in that of its handler. */
const LIVE = Symbol("live");
/** The request's target as the handler's app saw it. */
const TARGET = Symbol("target");
/** The apps that a context runs in, the nearest first. */
const APPS = Symbol("apps");

const copies = new WeakMap<object, ContextCopy>();

/**
 * The context that a handler has after its handshake: a request whose path, parameters and
 * address stay what they were, while koa-mount restores the shared one and the socket closes.
 * Its `req` and `request` are made when they are first asked for.
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

/** The apps that a handler runs in, the nearest first. */
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
          // Koa parses the URL once and changes the result in place when the path is restored.
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
 * The context to report an error with when its handler has let go of the request: it knows its
 * app and those above, the path and the mount, and has no headers, query or parameters.
 *
 * @param apps the apps the handler runs in, the nearest first
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
