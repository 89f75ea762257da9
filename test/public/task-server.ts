import { site } from "../../apps/site/index.ts";
import { createTasks, type TasksOptions } from "../../apps/tasks/index.ts";
import { App, createLog, type Serving, serve } from "../../lib/index.ts";
import { until } from "../support/within.ts";
import * as gatedKinds from "./gated-kinds.ts";

interface Listed {
  readonly id: string;
  readonly status: string;
}

/** The page with tasks that tests can hold, one at a time. */
export function startTasks(options: TasksOptions = {}, port = 0): Promise<Serving> {
  const tasks = createTasks({ kinds: gatedKinds, threads: 1, ...options });
  const app = new App().mount("/tasks", tasks).mount("/", site);
  return serve(app, { port, graceSeconds: 2, log: createLog({ level: "silent" }) });
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

async function list({ url }: Serving): Promise<Listed[]> {
  const response = await fetch(`${url}tasks/`, { headers: { Connection: "close" } });
  return ((await response.json()) as { tasks: Listed[] }).tasks;
}

function isEnded(status: string): boolean {
  return status !== "queued" && status !== "running";
}
