import type { Broker, History, Published } from "koa-subapps";
import { RETENTION } from "./engine.ts";

/** Publishes to the topic that most tests are about. */
export function say(broker: Broker, data: string, key?: string): Promise<Published> {
  return broker.publish("t", data, { retention: RETENTION, ...(key !== undefined && { key }) });
}

/** Publishes several, one after the other. */
export async function sayAll(broker: Broker, ...data: string[]): Promise<void> {
  for (const each of data) await say(broker, each);
}

/** The data of what is retained. */
export function texts({ publications }: History): string[] {
  return publications.map(({ data }) => data);
}
