import { lstatSync, unlinkSync } from "node:fs";
import { chmod } from "node:fs/promises";
import type { Server } from "node:http";
import net, { type AddressInfo, type ListenOptions } from "node:net";

/** Where a server listens: on a Unix socket, or on an address and a port when `socket` is "". */
export interface Place {
  readonly socket: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The mode of a Unix socket: the server's user and group may connect, whatever the umask. When
 * `unix` is a trusted proxy, the server trusts all of these.
 */
const SOCKET_MODE = 0o660;

/**
 * Starts to listen. First removes the file of a Unix socket that a killed server left behind, but
 * never the socket of a running server, nor another kind of file.
 *
 * @throws any error of listening: EADDRINUSE, EACCES …
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
 * The URL of a listening server, with a final slash. For a Unix socket it has the form of nginx's
 * `proxy_pass`, `http://unix:/run/app.sock:/`.
 */
export function urlOf(server: Server, { socket, host }: Place, scheme: "http" | "https"): string {
  if (socket !== "") return `${scheme}://unix:${socket}:/`;
  const { port } = server.address() as AddressInfo;
  // A browser cannot open a wildcard address; localhost is one that it covers.
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

// Another server may start meanwhile and take the path. So the file is removed only if it is still
// the same file, and in the same turn as that check.
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

// Only ECONNREFUSED proves that no server listens. After other errors, such as a full queue or
// missing rights, one may.
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
