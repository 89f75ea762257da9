import type { IncomingMessage } from "node:http";

/** What a trusted proxy said of where a request comes from, on the request itself. */
const FORWARDED_FOR = Symbol("forwarded for");

interface Forwarded {
  [FORWARDED_FOR]?: string;
}

/** Notes the address that a trusted proxy has forwarded a request for. */
export function forwardedFor(req: IncomingMessage & Forwarded, address: string): void {
  req[FORWARDED_FOR] = address;
}

/** The address a request comes from; behind a trusted proxy, once the door has let it in. */
export function addressOf(req: IncomingMessage & Forwarded): string {
  return req[FORWARDED_FOR] ?? req.socket.remoteAddress ?? "";
}

/** The client a request comes from, for the log: the address, with the port where it is known. */
export function clientOf(req: IncomingMessage & Forwarded, peer: string): string {
  return req[FORWARDED_FOR] ?? peer;
}

/** The address and port at the other end of a socket that is open. */
export function peerOf(req: IncomingMessage): string {
  return `${req.socket.remoteAddress ?? ""}:${req.socket.remotePort ?? ""}`;
}
