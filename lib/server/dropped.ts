import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../observe/log.ts";

/**
 * Descriptors reserved for files, databases and answers: at most so many, and at most this share.
 */
const RESERVE = 64;
const RESERVE_SHARE = 1 / 16;
/** A flood of connections must not become a flood of lines. */
const TELL_EVERY_MS = 10_000;

/**
 * Logs connections that were closed before a request was read: the first at once, those of the next
 * ten seconds together in one line.
 */
export class DropLog {
  readonly #log: Logger;
  readonly #waiting = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param why one line: why the connection was dropped, and what to do */
  add(why: string): void {
    this.#waiting.set(why, (this.#waiting.get(why) ?? 0) + 1);
    if (!this.#timer) this.#tell();
  }

  /** Logs the connections that are not logged yet. */
  end(): void {
    if (this.#waiting.size > 0) this.#tell();
    clearTimeout(this.#timer);
  }

  #tell(): void {
    for (const [reason, connections] of this.#waiting) {
      this.#log.warn(
        { event: "dropped", connections, reason },
        `connections dropped: ${connections}: ${reason}`,
      );
    }
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.size > 0) this.#tell();
    }, TELL_EVERY_MS).unref();
  }
}

const NO_DESCRIPTORS =
  "the process has no file descriptors left for them (EMFILE); raise its limit (ulimit -n, LimitNOFILE)";

/**
 * Drops connections before file descriptors run out, so that a few are left for everything else,
 * and logs all dropped connections. Without this, `accept` fails with EMFILE, and libuv closes the
 * connections without telling Node.
 *
 * @param server a server that does not listen yet
 * @param drops logs the dropped connections
 */
export function watchDescriptors(server: Server, drops: DropLog): void {
  const limit = descriptorLimit();
  const last = limit - Math.min(RESERVE, Math.ceil(limit * RESERVE_SHARE));
  server.on("connection", (socket: Socket & { _handle?: { fd?: number } }) => {
    // The kernel gives the lowest free descriptor, so a high one means that many are in use.
    if ((socket._handle?.fd ?? -1) < last) return;
    socket.destroy();
    drops.add(NO_DESCRIPTORS);
  });
  server.on("drop", () => drops.add("the server has reached its maxConnections"));
  // An error of `accept` after the server listens. Without a listener it would end the process.
  server.on("error", (error: NodeJS.ErrnoException) => {
    if (server.listening) drops.add(error.message);
  });
}

/** How many descriptors this process may have; Infinity when the system does not say. */
function descriptorLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
