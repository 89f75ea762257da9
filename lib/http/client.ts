import type { IncomingMessage } from "node:http";
import { isIP, type Server, type Socket } from "node:net";
import proxyAddr from "proxy-addr";

/** The property of a request with the client's address that a trusted proxy forwarded. */
const FORWARDED_FOR = Symbol("forwarded for");

interface Forwarded {
  [FORWARDED_FOR]?: string;
}

/** In a list of trusted proxies: the other end of a server's Unix socket. */
export const UNIX = "unix";

/** The longest entry, with brackets, quotes and port. An address has 45 characters at most. */
const MAX_ENTRY = 64;

/** Which proxies are trusted. */
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

// A TCP socket that was reset has no address either, so ask the server what it listens on.
function isUnix(socket: Socket & { server?: Server | null | undefined }): boolean {
  return typeof socket.server?.address() === "string";
}

/**
 * Finds the client in a chain of proxies: the nearest hop that is not a trusted proxy. A client can
 * forge all entries before that. If a trusted proxy names no address (`unknown`, a word, an
 * obfuscated name), the result is that proxy.
 *
 * @param header an `X-Forwarded-For` header; entries may have a port, brackets or quotes
 * @param peer the address of the proxy that sent it, "" for a Unix socket
 * @param trusts whether an address is a trusted proxy's
 * @returns an address, or "" when none is known
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

// Azure's gateways add a port, some proxies add brackets, and RFC 7239 quotes the entry. A zone
// (`%eth0`) has a meaning only on the proxy.
function addressIn(entry: string): string | undefined {
  if (entry.length > MAX_ENTRY) return undefined;
  const text = entry.replace(/^"(.*)"$/, "$1").replace(/^\[([^\]]*)\](?::\d*)?$/, "$1");
  const address = (isIP(text) ? text : text.replace(/:\d*$/, "")).replace(/%.*$/, "");
  return isIP(address) ? address : undefined;
}

/** Stores the client's address that a trusted proxy has forwarded. */
export function forwardedFor(req: IncomingMessage & Forwarded, address: string): void {
  req[FORWARDED_FOR] = address;
}

/**
 * The client's address of a request; behind a trusted proxy it is known once the request was
 * admitted. It is "" on a Unix socket without a forwarded address.
 */
export function addressOf(req: IncomingMessage & Forwarded): string {
  return req[FORWARDED_FOR] ?? req.socket.remoteAddress ?? "";
}

/** The client of a request, for the log: the address, and the port if known. */
export function clientOf(req: IncomingMessage & Forwarded, peer: string): string {
  return req[FORWARDED_FOR] ?? peer;
}

/** The address and port of the other end of an open socket; `unix` for a Unix socket. */
export function peerOf(req: IncomingMessage): string {
  const { remoteAddress, remotePort } = req.socket;
  if (remoteAddress === undefined && isUnix(req.socket)) return UNIX;
  return `${remoteAddress ?? ""}:${remotePort ?? ""}`;
}
