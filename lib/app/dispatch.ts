import { BEHIND, type Context, PREFIX } from "../context/context.ts";
import type { SubApp } from "../context/sub-app.ts";
import type { PathSettings } from "../http/admission.ts";
import { isPlain, rawPath } from "../http/path.ts";
import { handshakeOf } from "../upgrade/handshake.ts";
import { answerMissingSlash } from "./missing-slash.ts";
import type { Mount } from "./mount.ts";
import type { Mounts } from "./mounts.ts";
import { answerBehind, answerNothing } from "./not-found.ts";
import { resolve } from "./resolve.ts";
import type { RouteTable } from "./route-table.ts";

/**
 * Passes a request to the mount or the route that it belongs to. The app's middleware has already
 * run.
 */
export function dispatch(mounts: Mounts, routes: RouteTable, ctx: Context): Promise<void> {
  if (!isPlain(ctx)) return answerNothing(ctx);
  // koa-mount, used as middleware, has written its own prefix here.
  if (ctx.mountPath !== (ctx[PREFIX] ?? "")) ctx.mountPath = ctx[PREFIX] ?? "";
  const path = rawPath(ctx.url);
  const destination = resolve(mounts, routes, path, handshakeOf(ctx.req) !== undefined);
  switch (destination) {
    case "route":
      return routes.handle(ctx, path);
    case "other-kind":
      return answerOtherKind(routes, ctx, path);
    case "other-slash":
      return answerMissingSlash(ctx);
    case "root":
      return (mounts.root as Mount).enter(ctx);
    case "nothing":
      return answerNothing(ctx);
    default:
      return destination.value.enter(ctx, destination);
  }
}

function answerOtherKind(routes: RouteTable, ctx: Context, path: string): Promise<void> {
  if (!ctx[BEHIND]) return routes.handleOtherKind(ctx, path);
  return answerBehind(ctx, () => routes.handleOtherKind(ctx, path));
}

/**
 * Gives the admission settings of the mounted app that a path belongs to, and of the apps in it.
 *
 * @returns undefined when the path belongs to no mount, or to a plain Koa app
 */
export function settingsBelow(
  mounts: Mounts,
  routes: RouteTable,
  path: string,
): PathSettings | undefined {
  const destination = resolve(mounts, routes, path, false);
  if (destination === "root") return settingsOf(mounts.root?.app, path);
  if (typeof destination === "string") return undefined;
  return settingsOf(destination.value.app, path.slice(destination.prefix.length));
}

function settingsOf(app: SubApp | undefined, path: string): PathSettings | undefined {
  return app?.settingsAt?.(path);
}
