import { PLAN } from "../plan.ts";
import { type Case, EVERYBODY, type Run, type Workload } from "../workload.ts";

const SIZES = [
  [64, "64 B"],
  [4096, "4 KiB"],
] as const;

function oneCase(connections: number, bytes: number, size: string, inFlight: number): Case {
  // About a second of bare ws, for each of them.
  const perSecond =
    connections === 1 && inFlight === 1 ? 20_000 : inFlight === 1 ? 50_000 : 100_000;
  return {
    name: `${size}, ${connections.toLocaleString("en")} connections, ${inFlight} in flight`,
    plan: PLAN,
    quick: connections === 64 && bytes === 64 && inFlight === 16,
    async measure(run: Run) {
      const messages = Math.max(run.scaled(perSecond), connections * inFlight);
      const task = { messages, inFlight, bytes };
      await run.client.call("open", { targets: run.targets("/echo", connections) });
      await run.client.call("echo", task);
      // The client rounds up to whole batches.
      const round = inFlight * connections;
      const operations = Math.ceil(messages / round) * round;
      return run.cost(operations, () => run.client.call("echo", task));
    },
  };
}

export const echo: Workload = {
  name: "echo",
  title: "Echo",
  about:
    "A text message and its answer. In flight: sent in one write, and the next ones when all answers are there. Ours brings `bufferutil`, in which ws unmasks messages; `ours-no-bufferutil` does without, as the others do by default.",
  unit: "µs CPU",
  baselines: ["ws"],
  contestants: [...EVERYBODY, "ours-no-bufferutil", "floor"],
  cases: SIZES.flatMap(([bytes, size]) =>
    [1, 64, 1000].flatMap((connections) =>
      [1, 16].map((inFlight) => oneCase(connections, bytes, size, inFlight)),
    ),
  ),
};
