import { descriptors } from "../machine.ts";
import { PLAN } from "../plan.ts";
import { EVERYBODY, type Run, type Workload } from "../workload.ts";

const WANTED = 10_000;
/** What a process holds open beside its connections. */
const SPARE = 200;
const WARM_UP = 200;

const connections = Math.min(WANTED, descriptors() - SPARE);

export const memory: Workload = {
  name: "memory",
  title: "Idle memory",
  about:
    `Resident memory of the server after garbage collection, for each of ${connections.toLocaleString("en")} connections that wait for a message` +
    (connections < WANTED
      ? ` (${WANTED.toLocaleString("en")} are more than the limit of open files here, \`ulimit -Hn\`, allows).`
      : "."),
  unit: "KiB",
  baselines: ["ws"],
  contestants: EVERYBODY,
  cases: [
    {
      name: `${connections.toLocaleString("en")} connections`,
      plan: PLAN,
      quick: true,
      async measure(run: Run) {
        await run.client.call("open", { targets: run.targets("/echo", run.scaled(WARM_UP)) });
        await run.client.call("drop");
        const before = await run.memory();
        const count = run.scaled(connections);
        await run.client.call("open", { targets: run.targets("/echo", count) });
        const after = await run.memory();
        return { cost: (after - before) / count / 1024 };
      },
    },
  ],
};
