import { channel } from "node:diagnostics_channel";

/** The messages of each channel `koa-subapps:broker:<name>` of `node:diagnostics_channel`. */
export interface BrokerEvents {
  /**
   * A connection to Redis has come, or has gone, or could not be opened. Told once for each change,
   * with the reason in `error` where it has gone.
   */
  state: {
    readonly connection: "commands" | "subscriptions";
    readonly up: boolean;
    readonly error?: unknown;
  };
  /** Redis answered a publication after so many milliseconds. */
  publish: { readonly topic: string; readonly ms: number; readonly outcome: string };
  /** A message came before `count` others that precede it. */
  gap: { readonly topic: string; readonly count: number };
  /** The engine read `count` missing messages from the stream. */
  fill: { readonly topic: string; readonly count: number };
  /** A topic began a new epoch, or lost messages that cannot be read any more. */
  reset: { readonly topic: string; readonly count: number };
  /** How many calls are on their way to Redis; told every second. */
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
