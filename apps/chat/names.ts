import type { Context } from "koa-subapps";

/**
 * The name of a room or a client, except for its normal form: 1 to 64 code points, each a letter, a
 * mark or a digit of any script, `_` or `-`. Invisible code points are refused, among them letters
 * such as Hangul's fillers (UTS #39, Default_Ignorable_Code_Point).
 */
export const NAME =
  /^(?:(?!\p{Default_Ignorable_Code_Point})[\p{Letter}\p{Mark}\p{Decimal_Number}_-]){1,64}$/u;
const RULE = "1–64 characters: letters, marks and digits of any script, _ and -, in NFC";

/**
 * Middleware that refuses a handshake with 400 unless its `client_id`, and its `room` if the route
 * has one, follow the rule. The answer states the rule.
 */
export async function validNames(ctx: Context, next: () => Promise<void>): Promise<void> {
  const { client_id = "", room } = ctx.params;
  if (room !== undefined && !isName(room)) ctx.throw(400, `expected a room name of ${RULE}`);
  if (!isName(client_id)) ctx.throw(400, `expected a client id of ${RULE}`);
  await next();
}

// One spelling for each name: otherwise two names that look the same would be two rooms.
function isName(name: string): boolean {
  return NAME.test(name) && name === name.normalize("NFC");
}
