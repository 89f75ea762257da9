import type { StandardSchemaV1 } from "@standard-schema/spec";
import type Koa from "koa";
import easyWs from "koa-easy-ws";
import type { PerMessageDeflateOptions, ServerOptions } from "ws";
import { createCodec, type Misfit } from "../connection/codec.ts";
import { Connection } from "../connection/connection.ts";
import {
  type ConnectionLimits,
  type ConnectionOptions,
  connectionLimits,
  type MessageKind,
} from "../connection/options.ts";
import { Wire } from "../connection/websocket.ts";
import { type Context, PARENT } from "../context/context.ts";
import type { SubApp } from "../context/sub-app.ts";
import { Refusal } from "../http/refusal.ts";
import {
  assertOptions,
  type Choice,
  COUNT,
  COUNT_FROM_ONE,
  FLAG,
  type OptionKinds,
  oneOf,
  orElse,
  PATIENCE_MS,
  PER_SECOND,
  TEXTS,
} from "../options.ts";
import { declineUnacceptable } from "../upgrade/deflate-offer.ts";
import { type Handshake, handshakeOf } from "../upgrade/handshake.ts";
import type { Session } from "../upgrade/session.ts";
import { type Handler, startHandler } from "./handler.ts";

/** Middleware of one route. It runs before the server accepts the handshake. */
export type RouteMiddleware<State = Koa.DefaultState, Own = Koa.DefaultContext> = (
  ctx: Context<string, State, Own>,
  next: Koa.Next,
) => unknown;

/** Options of one WebSocket route. */
export interface RouteOptions<Kind extends MessageKind = "text">
  extends Omit<ConnectionOptions, "codec" | "invalid"> {
  /** The route's name for `ctx.urlFor`. */
  name?: string;
  /** What the handler reads. A message of another kind closes 1003. Default `text`. */
  messages?: Kind;
  /** Subprotocols of the route: the server takes the client's first that is here. Default none. */
  protocols?: readonly string[];
  /** The longest message in bytes; a longer message closes 1009. Default 64 KiB. */
  maxMessageBytes?: number;
  /** permessage-deflate: false (the default), true, or ws's own options. */
  compression?: boolean | PerMessageDeflateOptions;
}

/** Options of a route with JSON messages and schemas of any Standard Schema library. */
export interface JsonRouteOptions<
  Receive extends StandardSchemaV1,
  Send extends StandardSchemaV1 = StandardSchemaV1,
> extends Omit<RouteOptions, "messages"> {
  /** The schema of a client's messages. A message that does not fit never reaches the handler. */
  receive: Receive;
  /** The schema of the values of `sendJson`. Default none. */
  send?: Send;
  /**
   * Makes the answer to a message that does not fit. The server sends it as JSON; undefined sends
   * no answer. Default none: the server closes 1007.
   */
  invalid?: (misfit: Misfit) => unknown;
}

/** A handler of a route with schemas. */
export type JsonHandler<
  Path extends string,
  Receive extends StandardSchemaV1,
  Send extends StandardSchemaV1,
  State = Koa.DefaultState,
  Own = Koa.DefaultContext,
> = (
  socket: Connection<StandardSchemaV1.InferOutput<Receive>, StandardSchemaV1.InferInput<Send>>,
  ctx: Context<Path, State, Own>,
) => Promise<void> | void;

/**
 * Most fragments of one message, and most reads of one frame, that ws takes. It does not depend on
 * the route's bytes a second. A long message may have one fragment for every 32 bytes.
 */
const MAX_PIECES = 2_048;
const BYTES_A_PIECE = 32;
/**
 * ws destroys the socket of a client that does not answer a close frame within this time. Our
 * connection does so earlier, by a clock that stands still while the event loop is blocked.
 */
const LAST_TIMEOUT_MS = 60_000;
/**
 * Pongs that may wait for a client: as many as a default burst has messages. ws cuts off a client
 * that pings more and does not read.
 */
const MAX_PENDING_PONGS = 500;

const NO_ATTACH =
  "expected this handshake to come through attach(server, app), but got it as a plain request; " +
  "start the app with serve(app) or app.listen(), or call attach(server, app) on your own server";

/** Options of a route with or without schemas. */
export type AnyRouteOptions = RouteOptions<MessageKind> &
  Partial<JsonRouteOptions<StandardSchemaV1>>;

/** ws keeps a length in 32 bits with a sign, and takes 0 for no limit. */
const MESSAGE_BYTES = { least: 1, most: 2 ** 31 - 1, whole: true };

/** A client can offer only tokens as subprotocols (RFC 6455 section 4.1). */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const PROTOCOLS: Choice = {
  expected: 'a list of subprotocols, such as ["chat.v1"]',
  holds: (value) => TEXTS.holds(value) && (value as string[]).every((name) => TOKEN.test(name)),
};

const WS_OPTIONS: Choice = {
  expected: "an object with the options of ws for permessage-deflate",
  holds: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

const KINDS: OptionKinds<AnyRouteOptions> = {
  name: "other",
  messages: oneOf(["text", "binary", "both"] satisfies MessageKind[]),
  protocols: PROTOCOLS,
  receive: "other",
  send: "other",
  invalid: "other",
  compression: orElse(FLAG, WS_OPTIONS),
  maxMessageBytes: MESSAGE_BYTES,
  queueMessages: COUNT_FROM_ONE,
  highWaterBytes: COUNT,
  maxBufferedBytes: COUNT,
  messagesPerSecond: PER_SECOND,
  burstMessages: COUNT,
  bytesPerSecond: PER_SECOND,
  burstBytes: COUNT,
  heartbeatMs: PATIENCE_MS,
  pongTimeoutMs: PATIENCE_MS,
  unreadTimeoutMs: PATIENCE_MS,
  messageTimeoutMs: PATIENCE_MS,
};

/**
 * Makes the last two middleware of a WebSocket route: koa-easy-ws with the route's options, and
 * the middleware that accepts the handshake through koa-easy-ws and starts the handler.
 *
 * ```ts
 * // App.websocket("/echo", …) does this for its own path only; here every path is an echo.
 * const app = new App();
 * const echo = websocketRoute("/echo", { messages: "both" }, async (socket) => {
 *   for await (const message of socket) await socket.send(message);
 * });
 * for (const middleware of echo) app.use(middleware);
 * app.listen(8000);
 * ```
 *
 * @param path the route's path, for messages
 * @param given the route's options
 * @param handler runs for each accepted handshake
 * @throws TypeError for an unknown option, and for a value that the option cannot have
 */
export function websocketRoute(
  path: string,
  given: AnyRouteOptions,
  handler: Handler<string, MessageKind>,
): [Koa.Middleware, Koa.Middleware] {
  assertOptions(given, KINDS, `the WebSocket route ${path}`);
  const { receive, send } = given;
  const options = receive || send ? { ...given, codec: createCodec(receive, send) } : given;
  const limits = connectionLimits(options);
  assertBurst(limits, path);
  const upgrade = easyWs("ws", { wsOptions: serverOptions(options, limits) });
  // Both listeners run in the tick of the 101. Later, a response that still has the socket would
  // write into the stream, and a message in the handshake's packet would be lost.
  upgrade.server.on("headers", (lines, req) => handshakeOf(req)?.release(lines));
  upgrade.server.on("connection", (ws, req) => {
    handshakeOf(req)?.begin(
      (place) => new Connection<unknown>(ws as Wire, req.socket, limits, place),
    );
  });
  upgrade.server.on("wsClientError", (error, _socket, req) => handshakeOf(req)?.fail(error));
  const accept: Koa.Middleware = (ctx) => {
    const handshake = handshakeOf(ctx.req);
    if (!handshake) throw new Error(NO_ATTACH);
    if (options.compression) {
      const own = options.compression === true ? {} : options.compression;
      declineUnacceptable(ctx.req, own, limits.maxMessageBytes);
    }
    const session = acceptBy(ctx as unknown as Context, handshake);
    ctx.status = 101;
    startHandler(session, handler, ctx as unknown as Context);
  };
  return [upgrade, accept];
}

function assertBurst({ burstBytes, maxMessageBytes }: ConnectionLimits, path: string): void {
  if (burstBytes >= maxMessageBytes) return;
  throw new TypeError(
    `expected the option burstBytes of the WebSocket route ${path} to be at least its ` +
      `maxMessageBytes, ${maxMessageBytes}, but got ${burstBytes}`,
  );
}

function acceptBy(ctx: Context, handshake: Handshake): Session {
  try {
    if (handshake.listener.draining) throw new Refusal(503, "the server is shutting down");
    holdInAll(handshake, ctx);
    return handshake.accept(ctx.mountPath, () => ctx.ws());
  } catch (error) {
    // koa-easy-ws sets ctx.respond to false before it knows whether ws accepts the handshake.
    ctx.respond = true;
    handshake.reason = (error as Error).message;
    throw error;
  }
}

// A connection counts for its app, and for every app above that has a limit.
function holdInAll(handshake: Handshake, ctx: Context): void {
  for (let at: Context | undefined = ctx; at; at = at[PARENT]) {
    const { limits } = at.app as unknown as SubApp;
    if (limits) handshake.hold(limits.take("", true));
  }
}

function serverOptions(
  options: RouteOptions<MessageKind>,
  { maxMessageBytes }: ConnectionLimits,
): ServerOptions {
  const known = new Set(options.protocols);
  const maxPieces = Math.max(MAX_PIECES, Math.ceil(maxMessageBytes / BYTES_A_PIECE));
  return {
    WebSocket: Wire,
    clientTracking: false,
    closeTimeout: LAST_TIMEOUT_MS,
    maxFragments: maxPieces,
    maxBufferedChunks: maxPieces,
    maxPendingAutoPongs: MAX_PENDING_PONGS,
    maxPayload: maxMessageBytes,
    perMessageDeflate: options.compression ?? false,
    // Only the route's subprotocols: a client may offer its token as a subprotocol, and the server
    // must not send that back.
    handleProtocols: (offered) => [...offered].find((protocol) => known.has(protocol)) ?? false,
  } as ServerOptions;
}
