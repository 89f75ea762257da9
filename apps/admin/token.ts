import { ConfigError } from "../../lib/index.ts";

const SHORTEST = 16;
/** A quarter of what Node takes of headers (16 KiB), for it comes in base64 too. */
const LONGEST = 4_096;
/** What a header carries unchanged: RFC 9110 section 5.5 leaves the rest to chance. */
const CARRIED = /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Checks the operator's token.
 *
 * @throws ConfigError, which does not repeat the token, for one that is too short to be a secret,
 *   or that no client could show
 */
export function assertToken(token: string): void {
  if (token.length < SHORTEST) throw unfit(`at least ${SHORTEST} characters, but got fewer`);
  if (token.length > LONGEST) throw unfit(`at most ${LONGEST} characters, but got more`);
  if (!CARRIED.test(token)) {
    throw unfit(
      "printable characters of ASCII, with no space at either end, for a header carries no others",
    );
  }
}

function unfit(expected: string): ConfigError {
  return new ConfigError(`ADMIN_TOKEN: expected ${expected}`);
}
