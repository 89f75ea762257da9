import { type Encode, type History, Hub, MemoryBroker } from "koa-subapps";
import type { RestartingBroker } from "./restarting-broker.ts";

const HOUR_MS = 3_600_000;

/** What a member with history is sent first: `welcome <offset> <recovered>`. */
export const welcome = ({ position, recovered }: History) =>
  `welcome ${position.offset} ${recovered}`;

/** What it is sent then: `<offset> <data>`, or `signal <data>`. */
export const encode: Encode = (data, publication) =>
  publication ? `${publication.offset} ${data}` : `signal ${data}`;

/**
 * A hub that keeps its messages for an hour.
 *
 * @param count how many it keeps of a topic
 */
export function hubOf(
  count = 1_000,
  broker: MemoryBroker | RestartingBroker = new MemoryBroker(),
): Hub {
  return new Hub({ broker, retention: { count, ageMs: HOUR_MS } });
}
