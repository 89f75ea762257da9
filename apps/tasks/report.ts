import type { Context } from "../../lib/index.ts";

/** Tells the operator of an error. */
export type Report = (error: Error) => void;

/**
 * Fires errors of work that outlives its request as `error` on the app of the request, or on the
 * nearest one above that listens, as errors of a request are.
 */
export function reportTo(ctx: Context): Report {
  const apps: Context["app"][] = [];
  for (let at = ctx; at?.app; at = Object.getPrototypeOf(at)) apps.push(at.app);
  return (error) => {
    apps.find((app) => app.listenerCount("error") > 0)?.emit("error", error);
  };
}
