import { PLAN } from "../plan.ts";
import { type Case, EVERYBODY, type Run, type Workload } from "../workload.ts";

const CONNECTIONS = 1000;
const MEMBERS = 10;
const PUBLICATIONS = 20_000;
const BYTES = 64;

function oneCase(rooms: number): Case {
  return {
    name: `${rooms.toLocaleString("en")} rooms of ${MEMBERS}`,
    plan: { ...PLAN, rooms: { rooms, members: MEMBERS, connections: CONNECTIONS } },
    ...(rooms > 1 && { against: `1 rooms of ${MEMBERS}` }),
    quick: rooms === 1,
    async measure(run: Run) {
      const publications = run.scaled(PUBLICATIONS);
      const task = { publications, inFlight: 1, bytes: BYTES, members: MEMBERS };
      await run.client.call("open", {
        targets: run.targets("/member/:index", run.scaled(CONNECTIONS)),
        ready: true,
      });
      await run.client.call("openPublisher", run.target("/publisher"));
      await run.client.call("publish", task);
      return run.cost(publications, () => run.client.call("publish", task));
    },
  };
}

export const rooms: Workload = {
  name: "rooms",
  title: "Rooms",
  about: `One publication of 64 B to a room of ${MEMBERS}, each to the next room; ${CONNECTIONS.toLocaleString("en")} connections in all, in as many rooms as there are.`,
  unit: "µs CPU",
  baselines: ["ws"],
  contestants: EVERYBODY,
  cases: [1, 100, 10_000].map(oneCase),
};
