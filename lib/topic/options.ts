import type { Broker, Retention } from "../broker/broker.ts";
import { type Choice, type OptionKinds, oneOf, orElse } from "../options.ts";
import type { PaceOptions } from "./history-pace.ts";
import type { SlowPolicy } from "./member.ts";
import type { ShareOptions } from "./sender-share.ts";
import type { BrokerFailure } from "./topic.ts";

/** Options of a `Hub`. */
export interface HubOptions {
  /** Carries messages between processes. Default a new `MemoryBroker`. */
  broker?: Broker;
  /** How many messages a topic keeps, and how long. Default 1,000 messages for 24 hours. */
  retention?: Retention;
  /**
   * What happens to members that cannot keep up. A function chooses by topic. Default `disconnect`.
   */
  slow?: SlowPolicy | ((topic: string) => SlowPolicy);
  /** How much history one address may read; a member that joins waits for its turn. */
  pace?: PaceOptions;
  /** How much one connection may publish when it is named as `from`. */
  share?: ShareOptions;
  /**
   * Receives failures of the broker that no caller sees; `join`, `publish` and `signal` throw
   * theirs. Default: the `error` event of the app to which a member belongs.
   */
  onError?: (error: unknown, where: BrokerFailure) => void;
}

const BY_TOPIC: Choice = {
  expected: "a function that gives one for a topic",
  holds: (value) => typeof value === "function",
};

/** What each of {@link HubOptions} may be. */
export const HUB_KINDS: OptionKinds<HubOptions> = {
  broker: "other",
  retention: "other",
  slow: orElse(oneOf(["disconnect", "drop-oldest", "latest"] satisfies SlowPolicy[]), BY_TOPIC),
  pace: "other",
  share: "other",
  onError: "other",
};
