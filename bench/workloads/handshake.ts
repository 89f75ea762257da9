import { PLAN, type Plan } from "../plan.ts";
import type { Case, ContestantName, Run, Workload } from "../workload.ts";

const HANDSHAKES = 4_000;
/** Until V8 has compiled what they run through. */
const WARM_UPS = 3;
const NESTING: readonly ContestantName[] = ["ws", "koa", "ours", "ours-silent"];

function oneCase(name: string, plan: Partial<Plan>, rest: Partial<Case> = {}): Case {
  return {
    name,
    plan: { ...PLAN, ...plan },
    ...rest,
    async measure(run: Run) {
      const handshakes = run.scaled(HANDSHAKES);
      const opening = { targets: run.targets("/echo", handshakes) };
      for (let round = 0; round < WARM_UPS; round++) {
        await run.client.call("open", opening);
        await run.client.call("drop");
      }
      await run.settled();
      return run.cost(handshakes, () => run.client.call("open", opening));
    },
  };
}

const ONE = "through a mount";

export const handshake: Workload = {
  name: "handshake",
  title: "Handshakes",
  about:
    "A TCP connection, the request a browser sends, and the 101; 64 at once. The connections stay open until the end. Ours writes its line of the log, `ours-silent` is the same with `LOG_LEVEL=silent`; the others log nothing by default. Bare ws has no mounts.",
  unit: "µs CPU",
  baselines: ["ws"],
  contestants: ["ws", "koa", "fastify", "hono", "express-ws", "ours", "ours-silent"],
  cases: [
    oneCase(ONE, {}),
    oneCase(
      "through three nested mounts",
      { depth: 3 },
      { against: ONE, contestants: NESTING, quick: true },
    ),
    oneCase("1,000 mounts, the first", { mounts: 1000 }, { against: ONE }),
    oneCase("1,000 mounts, the last", { mounts: 1000, target: "last" }, { against: ONE }),
  ],
};
