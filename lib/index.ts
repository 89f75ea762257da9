export { App } from "./app/app.ts";
export type { Mount } from "./app/mount.ts";
export type { AppOptions } from "./app/options.ts";
export type {
  Broker,
  History,
  Position,
  Publication,
  Published,
  PublishOptions,
  Retention,
  Subscriber,
} from "./broker/broker.ts";
export { BrokerFull } from "./broker/broker.ts";
export { MemoryBroker } from "./broker/memory/memory.ts";
export type { Closed } from "./close-codes.ts";
export { type CloseCodeMeaning, CloseError, closeCodes } from "./close-codes.ts";
export type { Misfit } from "./connection/codec.ts";
export type { Connection } from "./connection/connection.ts";
export type { Outgoing } from "./connection/frame.ts";
export type { MessageKind } from "./connection/options.ts";
export type { Context, Params } from "./context/context.ts";
export { errorReporter } from "./context/errors.ts";
export type { Lifespan, Stop } from "./context/sub-app.ts";
export { networkOf } from "./http/capacity.ts";
export { Refusal } from "./http/refusal.ts";
export { createLog, type Logger } from "./observe/log.ts";
export type { Handler, MessageOf } from "./route/handler.ts";
export type { JsonHandler, JsonRouteOptions, RouteOptions } from "./route/route.ts";
export { type Config, ConfigError, readConfig } from "./server/config.ts";
export { EXIT, run } from "./server/run.ts";
export { type ServeOptions, type Serving, serve } from "./server/serve.ts";
export type { PaceOptions } from "./topic/history-pace.ts";
export { Hub, type HubPublishOptions, type Registered } from "./topic/hub.ts";
export {
  type Encode,
  type JoinOptions,
  type SlowEvent,
  type SlowPolicy,
  slowChannel,
} from "./topic/member.ts";
export type { HubOptions } from "./topic/options.ts";
export { Presence, type Present } from "./topic/presence.ts";
export {
  type PresenceChange,
  type PresencePace,
  PresenceTeller,
  type TellPresence,
} from "./topic/presence-teller.ts";
export type { ShareOptions } from "./topic/sender-share.ts";
export type { BrokerFailure, BrokerStage } from "./topic/topic.ts";
export { type AttachOptions, attach } from "./upgrade/attach.ts";
export { Upgrades } from "./upgrade/connections.ts";
export { type Handshake, isHandshake } from "./upgrade/handshake.ts";
export type { Session } from "./upgrade/session.ts";
