import { PLAN, type Plan } from "../plan.ts";
import type { Case, Run, Workload } from "../workload.ts";

const REQUESTS = 20_000;
const CONNECTIONS = 64;

function oneCase(name: string, plan: Partial<Plan>, rest: Partial<Case> = {}): Case {
  return {
    name,
    plan: { ...PLAN, ...plan },
    ...rest,
    async measure(run: Run) {
      const requests = Math.ceil(run.scaled(REQUESTS) / CONNECTIONS) * CONNECTIONS;
      const task = { target: run.target("/hello"), requests, connections: CONNECTIONS };
      await run.client.call("request", task);
      return run.cost(requests, () => run.client.call("request", task));
    },
  };
}

const ONE = "through a mount";

export const get: Workload = {
  name: "get",
  title: "Plain HTTP",
  about:
    "A GET answered with five bytes of text, on 64 connections that stay open. `ws` is bare `node:http` here, without any routing; `koa` is Koa with koa-mount and koa-router. Ours writes its line of the log, `ours-silent` does not.",
  unit: "µs CPU",
  baselines: ["ws", "koa"],
  contestants: ["ws", "koa", "fastify", "hono", "express-ws", "ours", "ours-silent"],
  cases: [
    oneCase(ONE, {}),
    oneCase("1,000 mounts, the first", { mounts: 1000 }, { against: ONE }),
    oneCase(
      "1,000 mounts, the last",
      { mounts: 1000, target: "last" },
      { against: ONE, quick: true },
    ),
  ],
};
