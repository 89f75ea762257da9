export type { BrokerEvents } from "./observe.ts";
export type { RedisBrokerOptions } from "./options.ts";
export { RedisBroker } from "./redis.ts";
export { Unavailable } from "./unavailable.ts";
