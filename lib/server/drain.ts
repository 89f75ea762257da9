import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../observe/log.ts";
import { type Upgrades, wholeMs } from "../upgrade/connections.ts";

/**
 * The share of the grace period for handlers and requests. The rest is for the lifespans, so that
 * they can save their data even if a handler never ends.
 */
export const HANDLERS_SHARE = 0.8;

/**
 * Drains a server. Closes connections with 1012, gives handlers and requests their share of the
 * grace period, then stops the lifespans.
 *
 * @param server the server; it listens until the handlers have ended
 * @param sockets the server's sockets that are not WebSockets
 * @param upgrades the server's upgrades
 * @param graceMs how long the whole drain may take, in milliseconds
 * @param log the server's log
 * @param stopLifespans stops the lifespans within `stopMs` milliseconds
 */
export async function drain(
  server: Server,
  sockets: ReadonlySet<Socket>,
  upgrades: Upgrades,
  graceMs: number,
  log: Logger,
  stopLifespans: (stopMs: number) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + graceMs;
  log.info({ event: "draining", connections: upgrades.live.size }, "shutting down");
  const left = await upgrades.drain({ graceMs: graceMs * HANDLERS_SHARE });
  for (const { path } of left) {
    log.warn({ event: "handler-left", path }, `the handler of ${path} did not end in time`);
  }
  // The server listens until here, so that a load balancer gets 503, not a refused connection.
  await closed(server, sockets, deadline - graceMs * (1 - HANDLERS_SHARE) - performance.now());
  await stopLifespans(Math.max(deadline - performance.now(), 0));
  log.info({ event: "stopped" }, "stopped");
}

// Resolves when the last request has ended. At the deadline the rest is cut off.
async function closed(server: Server, sockets: ReadonlySet<Socket>, ms: number): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Not closeAllConnections(), which misses upgraded sockets and sockets in a TLS handshake.
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, wholeMs(ms));
  await ended;
  clearTimeout(timer);
}
