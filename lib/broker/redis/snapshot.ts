import { type History, positionOf } from "../broker.ts";
import type { Kept } from "./tail.ts";

/** What Redis answers to a read of a topic. */
export interface Snapshot {
  readonly epoch: string;
  /** The last message's offset. */
  readonly offset: number;
  /** The first offset that is retained. */
  readonly floor: number;
  /** The messages, in order: all after the requested offset, or all that are retained. */
  readonly entries: readonly Kept[];
}

/** Answers a read from a snapshot of all that is retained. */
export function historyOf(snapshot: Snapshot, since: unknown): History {
  const { epoch, offset, floor, entries } = snapshot;
  const position = { epoch, offset };
  const from = since === undefined ? undefined : positionOf(since);
  const isKnown = from?.epoch === epoch && from.offset <= offset && from.offset >= floor - 1;
  const publications = entries
    .filter((entry) => !isKnown || entry.offset > from.offset)
    .map(({ offset, data, at }) => ({ offset, data, at }));
  return { position, publications, recovered: since === undefined ? null : isKnown };
}
