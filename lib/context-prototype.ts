import Koa from "koa";
import { type Context, PARENT, urlFor } from "./context.ts";

/** What the contexts of one mounted app inherit from, and the additions it was made with. */
interface Prototype {
  readonly prototype: object;
  readonly additions: readonly PropertyKey[];
}

const prototypes = new WeakMap<object, WeakMap<Koa, Prototype>>();

/**
 * The prototype of an app's contexts below a parent's: it inherits from the parent's prototype,
 * and has the app's own additions to `app.context` on top. It is made once for all requests.
 *
 * @param parent the context above
 * @param app the mounted app
 */
export function prototypeBelow(parent: Context, app: Koa): object {
  const above: object = Object.getPrototypeOf(parent);
  let below = prototypes.get(above);
  if (!below) {
    below = new WeakMap();
    prototypes.set(above, below);
  }
  const known = below.get(app);
  // Hidden ones and symbols as well: koa-session defines its own like that.
  const additions = Reflect.ownKeys(app.context);
  if (known && isSame(known.additions, additions)) return known.prototype;
  const prototype = Object.create(above, { ...SHARED, ...forwarded(app.context, additions) });
  below.set(app, { prototype, additions });
  return prototype;
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

// Live, so that what an app changes of its additions while it runs shows.
function forwarded(context: object, keys: readonly PropertyKey[]): PropertyDescriptorMap {
  const accessors: PropertyDescriptorMap = {};
  for (const key of keys) {
    accessors[key as string] = {
      configurable: true,
      get(this: object) {
        return Reflect.get(context, key, this);
      },
      // On this context if it is a value, as an assignment to anything inherited is.
      set(this: object, value: unknown) {
        Reflect.set(context, key, value, this);
      },
    };
  }
  return accessors;
}
