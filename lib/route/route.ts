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

/** Middleware of one route; it runs before the handshake is accepted. */
export type RouteMiddleware<State = Koa.DefaultState, Own = Koa.DefaultContext> = (
  ctx: Context<string, State, Own>,
  next: Koa.Next,
) => unknown;

/** Options of one WebSocket route. */
export interface RouteOptions<Kind extends MessageKind = "text">
  extends Omit<ConnectionOptions, "codec" | "invalid"> {
  /** The route's name for `ctx.urlFor`. */
  name?: string;
  messages?: Kind;
  /** Subprotocols the route speaks; the first that the client offers and that is here is taken. */
  protocols?: readonly string[];
  /** The longest message in bytes; a longer one closes 1009. Default 64 KiB. */
  maxMessageBytes?: number;
  /** permessage-deflate: false (the default), true, or ws's own options. */
  compression?: boolean | PerMessageDeflateOptions;
}

/** Options of a route whose messages are JSON and follow schemas of any Standard Schema library. */
export interface JsonRouteOptions<
  Receive extends StandardSchemaV1,
  Send extends StandardSchemaV1 = StandardSchemaV1,
> extends Omit<RouteOptions, "messages"> {
  /** What clients may send. A message that does not fit never reaches the handler. */
  receive: Receive;
  /** What `sendJson` may send. */
  send?: Send;
  /**
   * The answer to a message that does not fit, sent as JSON, or undefined for none; without it
   * the close is 1007.
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
 * Fragments of one message, and reads of one frame, that ws takes in any case, however many bytes
 * a second the route allows; and for long messages one for each so many bytes.
 */
const MAX_PIECES = 2_048;
const BYTES_A_PIECE = 32;
/**
 * When ws itself destroys the socket of a client that does not answer a close frame. The
 * connection does so before, by a clock that a blocked event loop does not advance.
 */
const LAST_TIMEOUT_MS = 60_000;
/** As many as may come in a burst; a client that pings and does not read is cut off by it. */
const MAX_PENDING_PONGS = 500;

const NO_ATTACH =
  "expected this handshake to come through attach(server, app), but it came as a plain request; " +
  "start the app with serve(app) or app.listen(), or call attach(server, app) on your own server";

/** Options of either kind of route. */
export type AnyRouteOptions = RouteOptions<MessageKind> &
  Partial<JsonRouteOptions<StandardSchemaV1>>;

/** What ws takes for a length: it keeps it in 32 bits with a sign, and 0 would be no limit. */
const MESSAGE_BYTES = { least: 1, most: 2 ** 31 - 1, whole: true };

/** Names of subprotocols are tokens (RFC 6455 section 4.1): a client can offer no other. */
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
 * The last two middleware of a WebSocket route: koa-easy-ws with the route's own options, and
 * the step that accepts through it and starts the handler.
 *
 * @throws TypeError for an unknown option, and for a number outside its range
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
  // Synchronous with the 101: a response still on the socket would write into the stream, and a
  // message that came with the handshake would find nobody listening.
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
    // koa-easy-ws turns Koa's answer off before it knows whether there is a WebSocket.
    ctx.respond = true;
    handshake.reason = (error as Error).message;
    throw error;
  }
}

// One connection counts for its app and for all apps above it that have a limit.
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
    // Only what the route declares: a token offered as a subprotocol must not come back.
    handleProtocols: (offered) => [...offered].find((protocol) => known.has(protocol)) ?? false,
  } as ServerOptions;
}
