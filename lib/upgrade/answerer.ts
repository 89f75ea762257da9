import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { wholeError } from "../context/errors.ts";
import type { Handshake } from "./handshake.ts";
import { answerIfOurs } from "./other-listeners.ts";
import { endAccepted, settle } from "./outcome.ts";

type Internals = Koa & {
  compose(middleware: Koa.Middleware[]): (ctx: Koa.Context) => Promise<void>;
  handleRequest(ctx: Koa.Context, middleware: (ctx: Koa.Context) => Promise<void>): Promise<void>;
};

/**
 * Makes the function that runs an app for a handshake and writes the answer.
 *
 * It does what Koa's own callback does, with one difference. Koa writes an answer only when the
 * handshake has an answer by HTTP, because Koa watches a response until its end, and the response
 * of an accepted handshake has no end on the wire.
 *
 * @param app the root app. Its middleware is composed once, as Koa does
 * @returns a function that runs the app for one handshake
 */
export function createAnswerer(app: Koa): (req: IncomingMessage, handshake: Handshake) => void {
  if (app.listenerCount("error") === 0) app.on("error", app.onerror);
  const middleware = (app as Internals).compose(app.middleware);
  return (req, handshake) => {
    const ctx = app.createContext(req, handshake.res as ServerResponse) as Koa.Context;
    // Koa's default is 404. `ctx.status` is not set, so that Koa takes the 403 for a default too.
    ctx.res.statusCode = 403;
    const done = app.ctxStorage ? app.ctxStorage.run(ctx, middleware, ctx) : middleware(ctx);
    done
      .then(() =>
        settle(ctx) ? answerIfOurs(handshake, () => respond(app as Internals, ctx)) : undefined,
      )
      .catch((error) => fail(ctx, handshake, error ?? wholeError(error)));
  };
}

function fail(ctx: Koa.Context, handshake: Handshake, error: unknown): Promise<void> | void {
  handshake.session?.connection.close(1011);
  handshake.leaveIfTaken();
  endAccepted(ctx);
  const report = () => ctx.onerror(error as Error);
  return handshake.state === "pending" ? answerIfOurs(handshake, report, report) : report();
}

function respond(app: Internals, ctx: Koa.Context): Promise<void> {
  const { statusCode } = ctx.res;
  return app.handleRequest(ctx, async () => {
    ctx.res.statusCode = statusCode;
  });
}
