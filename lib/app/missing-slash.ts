import { type Context, ROOT_PATH } from "../context/context.ts";
import { otherSlash } from "../http/path.ts";
import { handshakeOf } from "../upgrade/handshake.ts";
import { refuseHandshake } from "../upgrade/outcome.ts";
import { ANSWERED, answerNothing } from "./not-found.ts";

/**
 * Redirects a request to the path with the other final slash; 307 keeps the method and the body.
 * Browsers do not follow redirects of WebSockets, so a handshake is refused with the URL to use.
 */
export function answerMissingSlash(ctx: Context): Promise<void> {
  const other = otherSlash(ctx.originalUrl);
  if (!other) return answerNothing(ctx);
  const target = (ctx[ROOT_PATH] ?? "") + other;
  if (handshakeOf(ctx.req)) {
    refuseHandshake(ctx, `there is no WebSocket route at this path; connect to ${target}`);
    return ANSWERED;
  }
  ctx.status = 307;
  ctx.set("Location", target);
  ctx.body = `use ${target}`;
  return ANSWERED;
}
