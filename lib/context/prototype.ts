import Koa from "koa";
import {
  type Context,
  NO_PARAMS,
  PARENT,
  PATTERN,
  PATTERN_PROPERTY,
  PREFIX,
  urlFor,
} from "./context.ts";

/** Makes a copy of a context: all it has of its own, but for what stands for the request. */
export type ContextCopy = new (from: Context) => Context;

/** How the contexts of one mounted app are made, and the additions it was made with. */
export interface Below {
  readonly copy: ContextCopy;
  readonly additions: readonly PropertyKey[];
  /** Whether the app has an addition of its own in place of one of an app above. */
  readonly overrides: boolean;
}

const copies = new WeakMap<object, WeakMap<Koa, Below>>();

/**
 * Makes copies of contexts that inherit from a prototype.
 *
 * It is a constructor, and no `Object.create`: V8 counts the fields that a constructor gives, and
 * then makes room for them at once, where it would make it three at a time.
 */
export function copiesWith(prototype: object): ContextCopy {
  function ContextCopy(this: Context, from: Context): void {
    this.app = from.app;
    this.response = from.response;
    this.res = from.res;
    this.originalUrl = from.originalUrl;
    this.state = from.state;
    this[PREFIX] = from[PREFIX];
    this[PARENT] = from[PARENT];
    this.mountPath = from.mountPath;
    this.params = !from.params || from.params === NO_PARAMS ? {} : from.params;
    this.matched = from.matched;
    this[PATTERN] = from[PATTERN];
    this._matchedRoute = from._matchedRoute;
  }
  ContextCopy.prototype = prototype;
  return ContextCopy as unknown as ContextCopy;
}

/**
 * The contexts of an app below a parent's: they inherit from the parent's prototype, with the
 * app's own additions to `app.context` on top. It is made once for all requests.
 *
 * @param parent the context above
 * @param app the mounted app
 */
export function contextsBelow(parent: Context, app: Koa): Below {
  const above: object = Object.getPrototypeOf(parent);
  let below = copies.get(above);
  if (!below) {
    below = new WeakMap();
    copies.set(above, below);
  }
  const known = below.get(app);
  // Hidden ones and symbols as well: koa-session defines its own like that.
  const additions = Reflect.ownKeys(app.context);
  if (known && isSame(known.additions, additions)) return known;
  const prototype = Object.create(above, { ...SHARED, ...forwarded(app.context, additions) });
  const overrides = additions.some((key) => key in above);
  const made = { copy: copiesWith(prototype), additions, overrides };
  below.set(app, made);
  return made;
}

function isSame(some: readonly PropertyKey[], others: readonly PropertyKey[]): boolean {
  return some.length === others.length && some.every((key, i) => key === others[i]);
}

// Koa's own accessor, which signs with the keys of `ctx.app`.
const OWN_COOKIES = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(new Koa().context),
  "cookies",
) as { get(this: Context): unknown; set(this: Context, cookies: unknown): void };

/** Where Koa keeps the cookies of a context. */
export const COOKIES = ((): symbol => {
  const probe = Object.create(new Koa().context);
  probe.cookies = undefined;
  return Object.getOwnPropertySymbols(probe)[0] as symbol;
})();

// Koa reads `respond` of the root's context; what a sub-app sets must reach it. An app without
// keys of its own signs with those above.
const SHARED: PropertyDescriptorMap = {
  urlFor: { value: urlFor, writable: true, configurable: true },
  pattern: PATTERN_PROPERTY,
  respond: {
    get(this: Context) {
      return this[PARENT].respond;
    },
    set(this: Context, respond: boolean) {
      this[PARENT].respond = respond;
    },
  },
  cookies: {
    configurable: true,
    get(this: Context) {
      return this.app.keys || Object.hasOwn(this, COOKIES)
        ? OWN_COOKIES.get.call(this)
        : this[PARENT].cookies;
    },
    set: OWN_COOKIES.set,
  },
};

/** How many additions of mounted apps run now, one inside the other. */
let running = 0;

/**
 * A property of a context above as an app shows it that overrides one of that context's
 * additions. koa-session, for one, keeps a session under a symbol on the context it was first
 * asked on: the session of a sub-app's own must not find the parent's there. Middleware and
 * routes see the value; the app's additions do not, until they have put one of their own there.
 *
 * @param key a symbol, or a name that begins with `_`
 * @param value what the context above has there
 */
export function unseenByAdditions(key: PropertyKey, value: unknown): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get: () => (running > 0 ? undefined : value),
    set(this: object, own: unknown) {
      const writable = { configurable: true, enumerable: true, writable: true };
      Object.defineProperty(this, key, { ...writable, value: own });
    },
  };
}

// Live, so that what an app changes of its additions while it runs shows.
function forwarded(context: object, keys: readonly PropertyKey[]): PropertyDescriptorMap {
  const accessors: PropertyDescriptorMap = {};
  for (const key of keys) {
    accessors[key as string] = {
      configurable: true,
      get(this: object) {
        running++;
        try {
          return Reflect.get(context, key, this);
        } finally {
          running--;
        }
      },
      // On this context if it is a value, as an assignment to anything inherited is.
      set(this: object, value: unknown) {
        running++;
        try {
          Reflect.set(context, key, value, this);
        } finally {
          running--;
        }
      },
    };
  }
  return accessors;
}
