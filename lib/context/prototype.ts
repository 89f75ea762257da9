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

/** A constructor that copies a context's own fields, except `req` and `request`. */
export type ContextCopy = new (from: Context) => Context;

/** How the contexts of one mounted app are made. */
export interface Below {
  readonly copy: ContextCopy;
  /** The app's additions to `app.context` when `copy` was made. */
  readonly additions: readonly PropertyKey[];
  /** Whether an addition of the app replaces an addition of an app above. */
  readonly overrides: boolean;
}

const copies = new WeakMap<object, WeakMap<Koa, Below>>();

/**
 * Makes a constructor for copies of contexts.
 *
 * A constructor is cheaper than `Object.create`: V8 counts the fields that a constructor sets, and
 * reserves room for all of them at once. After `Object.create` it adds room for three at a time.
 *
 * @param prototype the prototype of the copies
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
 * Says how the contexts of a mounted app are made. They inherit from the parent's prototype; the
 * app's own additions to `app.context` come first. The result is shared by all requests.
 *
 * @param parent the context of the app above
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
  // Symbols and properties that are not enumerable too: koa-session defines such properties.
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

// Koa's own accessor. It signs cookies with the keys of `ctx.app`.
const OWN_COOKIES = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(new Koa().context),
  "cookies",
) as { get(this: Context): unknown; set(this: Context, cookies: unknown): void };

/** The symbol under which Koa keeps the cookies of a context. */
export const COOKIES = ((): symbol => {
  const probe = Object.create(new Koa().context);
  probe.cookies = undefined;
  return Object.getOwnPropertySymbols(probe)[0] as symbol;
})();

// Koa reads `respond` on the root's context, so a sub-app's value is set there. An app without keys
// signs cookies with the keys of the app above.
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

/** How many accessors of mounted apps' additions are running now, one inside the other. */
let running = 0;

/**
 * Makes a property that middleware and routes see, but that the app's additions to `app.context`
 * do not see until they have set a value of their own.
 *
 * For example, koa-session keeps the session under a symbol on the context. A sub-app with a
 * koa-session of its own must not find the parent's session there.
 *
 * @param key a symbol, or a name that begins with `_`
 * @param value the value on the context above
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

// Accessors, so that contexts see later changes of the app's additions.
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
      // For a plain value, this sets a property of this context, as for any inherited property.
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
