import { AsyncResource } from "node:async_hooks";
import type Koa from "koa";
import type { Connection } from "../connection/connection.ts";
import type { MessageKind } from "../connection/options.ts";
import type { Context } from "../context/context.ts";
import { fireError } from "../context/errors.ts";
import type { Session } from "../upgrade/session.ts";
import { appsOf, handlerContext, reportContext } from "./handler-context.ts";

/** The type of a handler's messages, by the route's `messages` option. */
export type MessageOf<Kind> = Kind extends "both"
  ? string | Buffer
  : Kind extends "binary"
    ? Buffer
    : string;

/**
 * A WebSocket route's handler. It runs once for each connection, outside the middleware chain.
 * When it returns, the connection closes 1000. When it throws, the connection closes 1011, or with
 * the code of a `CloseError`.
 */
export type Handler<
  Path extends string = string,
  Kind extends MessageKind = "text",
  State = Koa.DefaultState,
  Own = Koa.DefaultContext,
> = (socket: Connection<MessageOf<Kind>>, ctx: Context<Path, State, Own>) => Promise<void> | void;

/**
 * Starts the handler of an accepted handshake, outside the middleware chain and in an async context
 * of its own. After `next()`, middleware may change its context or the current async-local store;
 * the handler does not see these changes.
 *
 * The request of a handler that takes no `ctx` is released. An idle connection then holds a third
 * of the memory.
 *
 * @param session the session that the handshake became
 * @param handler the route's handler
 * @param live the context of the handshake
 */
export function startHandler(
  session: Session,
  handler: Handler<string, MessageKind>,
  live: Context,
): void {
  const ctx = handlerContext(live);
  const scope = new AsyncResource("WebSocketHandler");
  // Set before the handler runs: the connection may fail in the handler's first turn.
  session.handle(reporter(session, appsOf(ctx), handler.length === 1 ? undefined : ctx));
  const handling = scope.runInAsyncScope(call, undefined, handler, session.connection, ctx);
  Promise.resolve(handling).then(
    () => session.handlerReturned(),
    (error) => session.handlerThrew(error),
  );
}

// Every idle connection holds the values that this function refers to, so they are few.
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
