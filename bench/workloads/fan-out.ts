import { PLAN } from "../plan.ts";
import { type Case, EVERYBODY, type Run, type Workload } from "../workload.ts";

const DELIVERIES = 200_000;
const KIB = 1024;

function oneCase(members: number, inFlight: number, bytes: number, size: string): Case {
  // The large ones weigh on the kernel, not on the server.
  const deliveries = bytes > KIB ? DELIVERIES / 10 : DELIVERIES;
  return {
    name: `${size} to ${members.toLocaleString("en")}, ${inFlight} in flight`,
    plan: { ...PLAN, rooms: { rooms: 1, members, connections: members } },
    quick: members === 100 && inFlight === 8,
    async measure(run: Run) {
      const publications = Math.ceil(run.scaled(deliveries) / members / inFlight) * inFlight;
      const task = { publications, inFlight, bytes, members };
      await run.client.call("open", {
        targets: run.targets("/member/:index", members),
        ready: true,
      });
      await run.client.call("openPublisher", run.target("/publisher"));
      await run.client.call("publish", task);
      return run.cost(publications, () => run.client.call("publish", task));
    },
  };
}

export const fanOut: Workload = {
  name: "fan-out",
  title: "Fan-out",
  about:
    "One publication, sent to every member of a room; the publisher is a client too. Ours is `hub.publish`, which also gives it a position and keeps it for those who come back; the others keep nothing.",
  unit: "µs CPU",
  baselines: ["ws"],
  contestants: [...EVERYBODY, "floor"],
  cases: [
    ...[100, 1000, 5000].flatMap((members) =>
      [1, 8].map((inFlight) => oneCase(members, inFlight, 64, "64 B")),
    ),
    oneCase(1000, 1, 16 * KIB, "16 KiB"),
  ],
};
