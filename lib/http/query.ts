import Koa from "koa";
import { Refusal } from "./refusal.ts";

/** What `ctx.query` gives: a text for each key, or a list where the key came more than once. */
export type Query = Record<string, string | string[]>;

/**
 * The most parameters of one query. A form of people has tens; with a thousand, parsing costs less
 * than all the rest of a request.
 */
export const MAX_QUERY_KEYS = 1_000;

/** The shortest query that can have too many parameters: `&` between single letters. */
const SHORTEST_TOO_MANY = 2 * MAX_QUERY_KEYS + 1;

/**
 * Parses a query as Koa does, to the same result, but in one pass: Koa asks for each key's values
 * anew, which costs the square of the query's length.
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
    // Defined, not assigned: `__proto__` is a key like any other.
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
 * Has the requests of an app parse their query with {@link parseQuery}. A parser that the app has
 * put on `app.request` itself, as koa-qs does, stays, before or after.
 *
 * @param app any Koa app
 */
export function parseQueriesOnce(app: Koa): void {
  if (!Object.hasOwn(app.request, "query"))
    Object.defineProperty(app.request, "query", LINEAR_QUERY);
}
