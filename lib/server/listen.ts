import { lstatSync, unlinkSync } from "node:fs";
import { chmod } from "node:fs/promises";
import type { Server } from "node:http";
import net, { type AddressInfo, type ListenOptions } from "node:net";

/** Where a server listens: on a Unix socket, or where there is none on an address and a port. */
export interface Place {
  readonly socket: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Who may connect to a Unix socket: the server's user and group, whatever the umask. Whoever may
 * connect is believed, where `unix` is a trusted proxy.
 */
const SOCKET_MODE = 0o660;

/**
 * Starts to listen. The file of a Unix socket that a killed server has left behind is removed
 * first, but never one that a server listens on, nor what is no socket.
 *
 * @throws what listening throws: EADDRINUSE, EACCES …
 */
export async function listen(server: Server, { socket, host, port }: Place): Promise<void> {
  if (socket === "") return bind(server, { host, port });
  try {
    await bind(server, { path: socket });
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    if (!isTaken || !(await removeStale(socket))) throw error;
    await bind(server, { path: socket });
  }
  try {
    await chmod(socket, SOCKET_MODE);
  } catch (error) {
    server.close();
    throw error;
  }
}

/**
 * The URL of a server that listens, with a final slash; for a Unix socket as nginx's `proxy_pass`
 * takes it, `http://unix:/run/app.sock:/`.
 */
export function urlOf(server: Server, { socket, host }: Place, scheme: "http" | "https"): string {
  if (socket !== "") return `${scheme}://unix:${socket}:/`;
  const { port } = server.address() as AddressInfo;
  // A wildcard is no address to open; this machine's own is one it covers.
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}/`;
}

function bind(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      server.off("error", done).off("listening", done);
      if (error) reject(error);
      else resolve();
    };
    server.once("error", done).once("listening", done).listen(options);
  });
}

// Another server may start at the same time and take the path between question and removal: the
// file is removed in the turn in which it is still the one that was asked.
async function removeStale(path: string): Promise<boolean> {
  const asked = identityOf(path);
  if (asked === undefined || (await answers(path)) || identityOf(path) !== asked) return false;
  unlinkSync(path);
  return true;
}

function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.isSocket() ? `${found.dev} ${found.ino} ${found.ctimeNs}` : undefined;
}

// Only a refusal says that nothing listens; a full queue or missing rights say that something may.
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED"));
  });
}
