import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../observe/log.ts";
import { type Upgrades, wholeMs } from "../upgrade/connections.ts";

/**
 * What of the grace period handlers and requests may use; the rest is for the lifespans, so that
 * a handler that never ends leaves them time to write down what they hold.
 */
export const HANDLERS_SHARE = 0.8;

/**
 * Drains a server: connections are closed 1012, handlers and requests get their share of the grace
 * period, then the lifespans stop.
 *
 * @param server the server; it listens until its handlers have ended
 * @param sockets its sockets that are no WebSocket
 * @param upgrades the server's upgrades
 * @param graceMs how long all of it may take, in milliseconds
 * @param log where it is told
 * @param stopLifespans stops them within that many milliseconds
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
  // It listens until here, so that a load balancer reads 503 and not a refused connection.
  await closed(server, sockets, deadline - graceMs * (1 - HANDLERS_SHARE) - performance.now());
  await stopLifespans(Math.max(deadline - performance.now(), 0));
  log.info({ event: "stopped" }, "stopped");
}

// Resolves when the last request has ended; what has not by the deadline is cut off.
async function closed(server: Server, sockets: ReadonlySet<Socket>, ms: number): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Not closeAllConnections(): it does not know sockets that were upgraded, nor those in the
  // middle of a TLS handshake.
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, wholeMs(ms));
  await ended;
  clearTimeout(timer);
}
