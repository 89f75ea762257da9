import type { IncomingMessage, ServerResponse } from "node:http";
import { rawPath } from "../http/path.ts";

/**
 * Answers `/livez` (the process runs) and `/readyz` (it takes connections; 503 while it drains),
 * before the door and the app: a load balancer asks by address, whatever the Host.
 *
 * @param draining whether the server is on its way out
 * @returns whether the request was one of these
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
