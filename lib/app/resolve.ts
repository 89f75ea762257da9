import { otherSlash } from "../http/path.ts";
import type { Mount } from "./mount.ts";
import type { MountMatch } from "./mount-table.ts";
import type { Mounts } from "./mounts.ts";
import type { RouteTable } from "./route-table.ts";

/**
 * Where a path of an app leads:
 *
 * - a mount, with what its prefix matched;
 * - `route`, one of the app's own for this kind of request;
 * - `other-kind`, a route for the other kind: a WebSocket route asked by HTTP, or the reverse;
 * - `other-slash`, to the same path with the other final slash;
 * - `root`, the app at `/`; or `nothing`.
 */
export type Destination =
  | MountMatch<Mount>
  | "route"
  | "other-kind"
  | "other-slash"
  | "root"
  | "nothing";

/**
 * Decides which mount or route of an app a path belongs to. Whatever depends on that, the dispatch
 * of a request and whose settings hold for it, asks here.
 *
 * The longest mount comes first, then the app's own routes, then the app at `/`.
 *
 * @param path a raw path, as the app sees it
 * @param isHandshake whether a WebSocket route or one of plain HTTP is wanted
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
