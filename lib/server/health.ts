import type { IncomingMessage, ServerResponse } from "node:http";
import { rawPath } from "../http/path.ts";

/**
 * Answers `/livez` (the process runs) and `/readyz` (the server takes connections; 503 while it
 * drains). This comes before the admission and the app, because a load balancer asks by address, with
 * any Host.
 *
 * @param draining whether the server is shutting down
 * @returns whether the request was for one of these paths
 */
export function answerHealth(
  req: IncomingMessage,
  res: ServerResponse,
  draining: () => boolean,
): boolean {
  const path = rawPath(req.url ?? "");
  if (path !== "/livez" && path !== "/readyz") return false;
  const well = path === "/livez" || !draining();
  res.writeHead(well ? 200 : 503, {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
  });
  res.end(well ? "ok" : "draining");
  return true;
}
