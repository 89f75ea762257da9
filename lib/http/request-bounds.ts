import type { IncomingMessage } from "node:http";
import { rawPath } from "./path.ts";
import { assertFew } from "./query.ts";
import { Refusal } from "./refusal.ts";

/**
 * The most commas and semicolons of an `Accept` header with quotes. At each of them negotiator
 * searches for quotes again, which takes quadratic time. Browsers send about ten.
 */
const MAX_ACCEPT_PARTS = 100;

/**
 * The longest `Host` or `X-Forwarded-Host`, in characters. A host name has 253 at most (RFC 1035
 * section 2.3.4); decoding a longer `xn--` label takes quadratic time.
 */
const MAX_HOST_LENGTH = 1_024;

const NAMES_OF_HOSTS = ["host", "x-forwarded-host"] as const;

/**
 * Refuses requests whose headers or query take more than linear time to read, before any code reads
 * them. The checks come from measuring every header that Koa, its packages and this library read,
 * at doubling lengths.
 *
 * @throws Refusal 400, with the name of the header or the query
 */
export function assertBounded(req: IncomingMessage): void {
  const { url = "", headers } = req;
  const pathLength = rawPath(url).length;
  if (pathLength < url.length) assertFew(url.slice(pathLength + 1));
  assertAccept(headers.accept);
  for (const name of NAMES_OF_HOSTS) {
    const value = headers[name];
    if (value !== undefined && value.length > MAX_HOST_LENGTH) {
      throw new Refusal(400, `expected at most ${MAX_HOST_LENGTH} characters in ${name}`);
    }
  }
}

function assertAccept(accept: string | undefined): void {
  if (accept === undefined || accept.length <= MAX_ACCEPT_PARTS || !accept.includes('"')) return;
  let parts = 0;
  for (const character of accept) if (character === "," || character === ";") parts++;
  if (parts <= MAX_ACCEPT_PARTS) return;
  throw new Refusal(400, `expected at most ${MAX_ACCEPT_PARTS} commas and semicolons in Accept`);
}
