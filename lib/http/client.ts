import type { IncomingMessage } from "node:http";
import { isIP, type Server, type Socket } from "node:net";
import proxyAddr from "proxy-addr";

/** What a trusted proxy said of where a request comes from, on the request itself. */
const FORWARDED_FOR = Symbol("forwarded for");

interface Forwarded {
  [FORWARDED_FOR]?: string;
}

/** Stands in a list of trusted proxies for the other end of a server's Unix socket. */
export const UNIX = "unix";

/** An entry with its brackets, quotes and port is no longer: 45 characters are the address. */
const MAX_ENTRY = 64;

/** Which proxies are believed. */
export interface Trust {
  /** Whether an address is a trusted proxy's. */
  address(address: string): boolean;
  /** Whether the other end of a socket is a trusted proxy. */
  peer(socket: Socket): boolean;
}

/**
 * Reads a list of trusted proxies.
 *
 * @param proxies addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`, or {@link UNIX}
 * @throws TypeError for an entry that is none of these
 */
export function compileTrust(proxies: readonly string[]): Trust {
  const ranges = proxies.filter((proxy) => proxy !== UNIX);
  const inRange = ranges.length > 0 ? proxyAddr.compile(ranges) : () => false;
  const address = (each: string) => inRange(each, 0);
  if (ranges.length === proxies.length) {
    return { address, peer: ({ remoteAddress }) => !!remoteAddress && address(remoteAddress) };
  }
  const peer = (socket: Socket) =>
    socket.remoteAddress ? address(socket.remoteAddress) : isUnix(socket);
  return { address, peer };
}

// A TCP socket that was reset has no address either: the server knows what it listens on.
function isUnix(socket: Socket & { server?: Server | null | undefined }): boolean {
  return typeof socket.server?.address() === "string";
}

/**
 * The client in a chain of proxies: the nearest hop that is no trusted proxy. What stands before
 * it, any client can have written; where a trusted proxy names no address (`unknown`, a word, an
 * obfuscated name), the proxy itself is all that is known.
 *
 * @param header an `X-Forwarded-For` header; entries may have a port, brackets or quotes
 * @param peer the address of the proxy that sent it, "" for a Unix socket
 * @param trusts whether an address is a trusted proxy's
 * @returns an address, or "" when there is none
 */
export function clientBehind(
  header: string,
  peer: string,
  trusts: (address: string) => boolean,
): string {
  let client = peer;
  let end = header.length;
  while (end > 0) {
    const comma = header.lastIndexOf(",", end - 1);
    const entry = header.slice(comma + 1, end).trim();
    end = comma;
    if (entry === "") continue;
    const address = addressIn(entry);
    if (address === undefined) break;
    client = address;
    if (!trusts(address)) break;
  }
  return client;
}

// Azure's gateways write a port, some proxies brackets, and RFC 7239's form is quoted. A zone
// (`%eth0`) means something on the proxy alone.
function addressIn(entry: string): string | undefined {
  if (entry.length > MAX_ENTRY) return undefined;
  const text = entry.replace(/^"(.*)"$/, "$1").replace(/^\[([^\]]*)\](?::\d*)?$/, "$1");
  const address = (isIP(text) ? text : text.replace(/:\d*$/, "")).replace(/%.*$/, "");
  return isIP(address) ? address : undefined;
}

/** Notes the address that a trusted proxy has forwarded a request for. */
export function forwardedFor(req: IncomingMessage & Forwarded, address: string): void {
  req[FORWARDED_FOR] = address;
}

/**
 * The address a request comes from; behind a trusted proxy, once the door has let it in. It is ""
 * on a Unix socket whose other end has not said for whom it speaks.
 */
export function addressOf(req: IncomingMessage & Forwarded): string {
  return req[FORWARDED_FOR] ?? req.socket.remoteAddress ?? "";
}

/** The client a request comes from, for the log: the address, with the port where it is known. */
export function clientOf(req: IncomingMessage & Forwarded, peer: string): string {
  return req[FORWARDED_FOR] ?? peer;
}

/** The address and port at the other end of a socket that is open, `unix` for a Unix socket. */
export function peerOf(req: IncomingMessage): string {
  const { remoteAddress, remotePort } = req.socket;
  if (remoteAddress === undefined && isUnix(req.socket)) return UNIX;
  return `${remoteAddress ?? ""}:${remotePort ?? ""}`;
}
