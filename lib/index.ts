export { App } from "./app.ts";
export type { AppOptions } from "./app-options.ts";
export { MemoryBroker } from "./broker/memory.ts";
export type {
  Broker,
  History,
  Position,
  Publication,
  Published,
  PublishOptions,
  Retention,
  Subscriber,
} from "./broker.ts";
export { BrokerFull } from "./broker.ts";
export type { Closed } from "./close-codes.ts";
export { type CloseCodeMeaning, CloseError, closeCodes } from "./close-codes.ts";
export { type Config, ConfigError, readConfig } from "./config.ts";
export type { Connection } from "./connection.ts";
export type { ConnectionOptions, MessageKind } from "./connection-options.ts";
export type { Context, Params } from "./context.ts";
export { errorReporter } from "./error.ts";
export type { Outgoing } from "./frame.ts";
export type { Handler, MessageOf } from "./handler.ts";
export { isHandshake } from "./handshake.ts";
export { Hub, type HubOptions, type HubPublishOptions, type Registered } from "./hub.ts";
export type { Lifespan, Stop } from "./lifespan.ts";
export { networkOf } from "./limits.ts";
export { createLog, type Logger } from "./log.ts";
export {
  type Encode,
  type JoinOptions,
  type SlowEvent,
  type SlowPolicy,
  slowChannel,
} from "./member.ts";
export type { PaceOptions } from "./pace.ts";
export { Presence, type Present } from "./presence.ts";
export {
  type PresenceChange,
  type PresencePace,
  PresenceTeller,
  type TellPresence,
} from "./presence-teller.ts";
export { EXIT, run } from "./process.ts";
export { Refusal } from "./refusal.ts";
export type { JsonHandler, JsonRouteOptions, RouteOptions } from "./route.ts";
export type { Misfit } from "./schema.ts";
export { type ServeOptions, type Serving, serve } from "./server.ts";
export type { ShareOptions } from "./shares.ts";
export type { BrokerFailure, BrokerStage } from "./topic.ts";
export { type AttachOptions, attach } from "./upgrade.ts";
export { Upgrades } from "./upgrades.ts";
