import { AsyncResource } from "node:async_hooks";
import type Koa from "koa";
import type { Connection } from "../connection/connection.ts";
import type { MessageKind } from "../connection/options.ts";
import type { Context } from "../context/context.ts";
import { fireError } from "../context/errors.ts";
import type { Session } from "../upgrade/session.ts";
import { appsOf, handlerContext, reportContext } from "./handler-context.ts";

/** What a handler reads on a route, by the route's `messages` option. */
export type MessageOf<Kind> = Kind extends "both"
  ? string | Buffer
  : Kind extends "binary"
    ? Buffer
    : string;

/**
 * A WebSocket route's handler. It runs outside the middleware chain, once for each connection;
 * returning closes 1000, throwing closes 1011, throwing a `CloseError` closes with its code.
 */
export type Handler<
  Path extends string = string,
  Kind extends MessageKind = "text",
  State = Koa.DefaultState,
  Own = Koa.DefaultContext,
> = (socket: Connection<MessageOf<Kind>>, ctx: Context<Path, State, Own>) => Promise<void> | void;

/**
 * Starts the handler of an accepted handshake, outside the middleware chain and in an async
 * context of its own: what the middleware does after `next()` to its context, or to the current
 * async-local store, is not the handler's.
 *
 * A handler that takes no `ctx` lets go of the request: an idle connection then holds a third of
 * what it would.
 */
export function startHandler(
  session: Session,
  handler: Handler<string, MessageKind>,
  live: Context,
): void {
  const ctx = handlerContext(live);
  const scope = new AsyncResource("WebSocketHandler");
  // Before the handler runs, for its connection may fail in its first turn.
  session.handle(reporter(session, appsOf(ctx), handler.length === 1 ? undefined : ctx));
  const handling = scope.runInAsyncScope(call, undefined, handler, session.connection, ctx);
  Promise.resolve(handling).then(
    () => session.handlerReturned(),
    (error) => session.handlerThrew(error),
  );
}

// What this function refers to is held by every idle connection.
function reporter(
  session: Session,
  apps: readonly Koa[],
  kept: Context | undefined,
): (error: unknown) => void {
  return (error) => fireError(error, kept ?? reportContext(apps, session));
}

function call(
  handler: Handler<string, MessageKind>,
  connection: Connection<unknown>,
  ctx: Context,
): Promise<void> | void {
  let handle = () => handler(connection as Connection<string | Buffer>, ctx);
  for (const { ctxStorage } of appsOf(ctx)) {
    const inner = handle;
    if (ctxStorage) handle = () => ctxStorage.run(ctx, inner);
  }
  try {
    return handle();
  } catch (error) {
    return Promise.reject(error);
  }
}
