import { PLAN } from "../plan.ts";
import { EVERYBODY, type Run, type Workload } from "../workload.ts";

const MEMBERS = 32;
const PUBLICATIONS = 1_000;
const EVERY_MS = 5;
const BYTES = 16 * 1024;

export const slowMember: Workload = {
  name: "slow-member",
  title: "A slow member",
  about: `${MEMBERS} members of a room are sent 16 KiB every ${EVERY_MS} ms, ${PUBLICATIONS.toLocaleString("en")} times; then the same while one of them never reads. The 99th percentile of the others' latency with it, divided by that without.`,
  unit: "p99 with / without",
  baselines: [],
  contestants: EVERYBODY,
  cases: [
    {
      name: `${MEMBERS} members, one never reads`,
      plan: { ...PLAN, rooms: { rooms: 1, members: MEMBERS, connections: MEMBERS } },
      quick: true,
      async measure(run: Run) {
        const publications = run.scaled(PUBLICATIONS);
        const task = { publications, everyMs: EVERY_MS, bytes: BYTES };
        const targets = run.targets("/member/:index", MEMBERS);
        await run.client.call("open", { targets, ready: true });
        await run.client.call("openPublisher", run.target("/publisher"));
        // Warm-up.
        await run.client.call("pace", task);
        const without = await run.client.call<number>("pace", task);
        await run.client.call("stall");
        const withOne = await run.client.call<number>("pace", task);
        return { cost: withOne / without };
      },
    },
  ],
};
