import { App, createLog, Hub, type Serving, serve } from "koa-subapps";
import { site } from "../../../../apps/site/index.ts";
import { createTasks, type TasksOptions } from "../../../../apps/tasks/index.ts";
import { until } from "../../../support/within.ts";
import * as gatedKinds from "./gated-kinds.ts";

interface Listed {
  readonly id: string;
  readonly status: string;
}

/** The hub of each server, which knows the tasks of all visitors; HTTP shows each its own. */
const hubs = new WeakMap<Serving, Hub>();

/** The page with tasks that tests can hold, one at a time. */
export async function startTasks(options: TasksOptions = {}, port = 0): Promise<Serving> {
  const hub = new Hub();
  const tasks = createTasks({ kinds: gatedKinds, threads: 1, hub, ...options });
  const app = new App().mount("/tasks", tasks).mount("/", site);
  const serving = await serve(app, { port, graceSeconds: 2, log: createLog({ level: "silent" }) });
  hubs.set(serving, hub);
  return serving;
}

/** The port of a server. */
export function portOf({ url }: Serving): number {
  return Number(new URL(url).port);
}

/** How all tasks of a server are, the newest first. */
export async function statuses(serving: Serving): Promise<string[]> {
  return (await list(serving)).map(({ status }) => status);
}

/** Cancels what a test has left, so that the next one has a worker. */
export async function cancelAll(serving: Serving): Promise<void> {
  const headers = { Connection: "close" };
  for (const { id, status } of await list(serving)) {
    if (isEnded(status)) continue;
    await (await fetch(`${serving.url}tasks/${id}`, { method: "DELETE", headers })).body?.cancel();
  }
  await until(async () => (await statuses(serving)).every(isEnded), "no task that has not ended");
}

async function list(serving: Serving): Promise<Listed[]> {
  const topics = (await hubs.get(serving)?.broker.topics()) ?? [];
  const ids = topics.filter((name) => name.startsWith("task:")).map((name) => name.slice(5));
  const headers = { Connection: "close" };
  return Promise.all(
    ids.reverse().map(async (id) => {
      const response = await fetch(`${serving.url}tasks/${id}`, { headers });
      return (await response.json()) as Listed;
    }),
  );
}

function isEnded(status: string): boolean {
  return status !== "queued" && status !== "running";
}
