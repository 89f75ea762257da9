import Koa from "koa";
import { Refusal } from "./refusal.ts";

/** The value of `ctx.query`: a text for each key, or a list for a repeated key. */
export type Query = Record<string, string | string[]>;

/**
 * The most parameters of one query. A web form has tens; parsing a thousand costs less than the
 * rest of a request.
 */
export const MAX_QUERY_KEYS = 1_000;

/** The shortest query that can have too many parameters: `&` between single letters. */
const SHORTEST_TOO_MANY = 2 * MAX_QUERY_KEYS + 1;

/**
 * Parses a query with the same result as Koa, but in one pass. Koa searches the query again for
 * each key, which takes quadratic time.
 *
 * @param text a query without its `?`
 * @throws Refusal 400 for more than {@link MAX_QUERY_KEYS} parameters
 */
export function parseQuery(text: string): Query {
  assertFew(text);
  const values = new Map<string, string | string[]>();
  for (const [key, value] of new URLSearchParams(text)) {
    const earlier = values.get(key);
    if (earlier === undefined) values.set(key, value);
    else if (typeof earlier === "string") values.set(key, [earlier, value]);
    else earlier.push(value);
  }
  const query: Query = {};
  for (const [key, value] of values) {
    // Defined, not assigned, so that `__proto__` is an ordinary key.
    Object.defineProperty(query, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return query;
}

/**
 * Checks how many parameters a query has; a repeated key counts each time.
 *
 * @throws Refusal 400 for more than {@link MAX_QUERY_KEYS}
 */
export function assertFew(text: string): void {
  if (text.length < SHORTEST_TOO_MANY) return;
  let count = 0;
  for (let at = 0; at < text.length; ) {
    const and = text.indexOf("&", at);
    const end = and === -1 ? text.length : and;
    if (end > at) count++;
    at = end + 1;
  }
  if (count > MAX_QUERY_KEYS) {
    throw new Refusal(
      400,
      `expected a query of at most ${MAX_QUERY_KEYS} parameters, but got ${count}`,
    );
  }
}

interface Querying extends Koa.Request {
  _querycache?: Record<string, Query>;
}

const koaQuery = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(new Koa().request),
  "query",
) as PropertyDescriptor;

const LINEAR_QUERY: PropertyDescriptor = {
  ...koaQuery,
  configurable: true,
  get(this: Querying): Query {
    const text = this.querystring;
    this._querycache ??= Object.create(null) as Record<string, Query>;
    const known = this._querycache[text];
    if (known) return known;
    const query = parseQuery(text);
    this._querycache[text] = query;
    return query;
  },
};

/**
 * Makes the requests of an app parse their query with {@link parseQuery}. If the app puts its own
 * parser on `app.request`, as koa-qs does, that parser is used, whether it came before or after.
 *
 * @param app any Koa app
 */
export function parseQueriesOnce(app: Koa): void {
  if (!Object.hasOwn(app.request, "query"))
    Object.defineProperty(app.request, "query", LINEAR_QUERY);
}
