import { otherSlash } from "../http/path.ts";
import type { Mount } from "./mount.ts";
import type { MountMatch } from "./mount-table.ts";
import type { Mounts } from "./mounts.ts";
import type { RouteTable } from "./route-table.ts";

/**
 * Where a path of an app leads:
 *
 * - a mount, with the part of the path that its prefix matched;
 * - `route`: a route of the app for this kind of request;
 * - `other-kind`: a WebSocket route for a request of plain HTTP, or the reverse;
 * - `other-slash`: the app serves the same path with the other final slash;
 * - `root`: the app at `/`;
 * - `nothing`.
 */
export type Destination =
  | MountMatch<Mount>
  | "route"
  | "other-kind"
  | "other-slash"
  | "root"
  | "nothing";

/**
 * Decides which mount or route of an app a path belongs to. The dispatch of a request and the
 * choice of its admission settings both use this function, so they always agree.
 *
 * The longest mount comes first, then the app's own routes, then the app at `/`.
 *
 * @param path a raw path, as the app sees it
 * @param isHandshake true to look for a WebSocket route, false for a route of plain HTTP
 */
export function resolve(
  mounts: Mounts,
  routes: RouteTable,
  path: string,
  isHandshake: boolean,
): Destination {
  const match = mounts.find(path);
  if (match && !match.missingSlash) return match;
  if (routes.serves(path, isHandshake)) return "route";
  if (routes.serves(path, !isHandshake)) return "other-kind";
  const other = otherSlash(path);
  if (match || (other && routes.has(other))) return "other-slash";
  return mounts.root ? "root" : "nothing";
}
