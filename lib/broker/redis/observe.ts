import { channel } from "node:diagnostics_channel";

/** What each channel `koa-subapps:broker:<name>` of `node:diagnostics_channel` tells. */
export interface BrokerEvents {
  /** A connection to Redis has come, or has gone. */
  state: { readonly connection: "commands" | "subscriptions"; readonly up: boolean };
  /** A publication was answered. */
  publish: { readonly topic: string; readonly ms: number; readonly outcome: string };
  /** A message came before `count` others that precede it. */
  gap: { readonly topic: string; readonly count: number };
  /** `count` messages were read from the stream. */
  fill: { readonly topic: string; readonly count: number };
  /** A topic began again, or lost what cannot be read any more. */
  reset: { readonly topic: string; readonly count: number };
  /** Calls that are on their way to Redis, every second. */
  outstanding: { readonly calls: number };
}

const channels = Object.fromEntries(
  (["state", "publish", "gap", "fill", "reset", "outstanding"] as const).map((name) => [
    name,
    channel(`koa-subapps:broker:${name}`),
  ]),
);

/** Tells an event; it costs next to nothing where nobody listens. */
export function observe<Name extends keyof BrokerEvents>(
  name: Name,
  event: BrokerEvents[Name],
): void {
  const to = channels[name];
  if (to?.hasSubscribers) to.publish(event);
}
