import { createRequire } from "node:module";
import type { Address } from "./address.ts";

type NodeRedis = typeof import("redis");

/** How long a connection may take until it can be used, in milliseconds. */
export const CONNECT_MS = 2_000;

/** A connection of node-redis. */
export type Client = ReturnType<typeof createClient>;

let loaded: NodeRedis | undefined;

/**
 * Loads node-redis, which only those who use Redis install.
 *
 * @throws Error when it is not installed, with the command that installs it
 */
export function loadRedis(): NodeRedis {
  loaded ??= required();
  return loaded;
}

/**
 * Makes a connection, which is not open yet. It never reconnects and never queues: a broken
 * connection is replaced by another {@link Client}.
 */
export function createClient(address: Address) {
  const { username, password } = address;
  return loadRedis().createClient({
    socket: socketOf(address),
    disableOfflineQueue: true,
    RESP: 3,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  });
}

/** Whether an error is an answer of Redis; any other is a failure of the connection. */
export function isReply(error: unknown): error is Error {
  return error instanceof loadRedis().ErrorReply;
}

// The whole URL is not passed on: node-redis shows it in some of its errors.
function socketOf({ path, host, port, tls, ca }: Address) {
  const base = { reconnectStrategy: false, connectTimeout: CONNECT_MS } as const;
  if (path !== undefined) return { ...base, path, tls: false } as const;
  if (!tls) return { ...base, host, port, tls: false } as const;
  return { ...base, host, port, tls: true, ...(ca && { ca }) } as const;
}

function required(): NodeRedis {
  try {
    return createRequire(import.meta.url)("redis");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    throw new Error(
      "expected the package redis (node-redis 6), on which a RedisBroker works, but it is not " +
        "installed; run: npm install redis@6",
      { cause: error },
    );
  }
}
