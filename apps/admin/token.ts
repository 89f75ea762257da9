import { ConfigError } from "koa-subapps";

const SHORTEST = 16;
/** A quarter of Node's limit for headers (16 KiB), because the token may come in base64. */
const LONGEST = 4_096;
/** The characters that a header carries unchanged (RFC 9110 section 5.5). */
const CARRIED = /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Checks the operator's token.
 *
 * @throws ConfigError, without the token, for a token that is too short to be a secret, or that no
 *   client could send
 */
export function assertToken(token: string): void {
  if (token.length < SHORTEST) throw unfit(`at least ${SHORTEST} characters, but got fewer`);
  if (token.length > LONGEST) throw unfit(`at most ${LONGEST} characters, but got more`);
  if (!CARRIED.test(token)) {
    throw unfit(
      "printable ASCII characters without a space at either end, because a header carries no others",
    );
  }
}

function unfit(expected: string): ConfigError {
  return new ConfigError(`ADMIN_TOKEN: expected ${expected}`);
}
