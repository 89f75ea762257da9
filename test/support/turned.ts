import { ticker } from "../../lib/loop/ticker.ts";
import { within } from "./within.ts";

const PERIOD_MS = 10;

/** Waits until the clock of the connections, which a busy machine does not advance, has turned by so much. */
export async function turned(ms: number, deadlineMs = 60_000): Promise<void> {
  const until = ticker.now + ms;
  let resolve: () => void = () => {};
  const reached = new Promise<void>((yes) => {
    resolve = yes;
  });
  const watched = {
    periodMs: PERIOD_MS,
    tick: (now: number) => {
      if (now >= until) resolve();
    },
  };
  ticker.add(watched);
  await within(reached, `${ms} ms to be counted`, deadlineMs).finally(() => ticker.delete(watched));
}
