import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * The response of a handshake, which the app sees while it is pending. The socket is there to be
 * seen; it is the response's only from `assignSocket` on, and what is written before waits for that.
 */
export function createResponse(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  show(res, socket);
  return res;
}

/** Takes the response off its socket, if nobody has: nothing of HTTP can reach that any more. */
export function takeOff(res: ServerResponse, socket: Socket, isAssigned: boolean): void {
  if (isAssigned && res.socket) res.detachSocket(socket);
  else show(res, null);
}

/** Ends it without a byte: this frees what waits for its end, Koa's own listeners included. */
export function endAccepted(res: ServerResponse): void {
  res.statusCode = 101;
  res.statusMessage = "Switching Protocols";
  res.emit("finish");
}

/**
 * Whether somebody reads a socket that the parser of HTTP has left, as a WebSocket does, or has
 * read it to its end.
 */
export function isRead(socket: Socket): boolean {
  const readers = socket.listenerCount("data") + socket.listenerCount("readable");
  return readers > 0 || socket.readableFlowing === true || !socket.writable;
}

function show(res: ServerResponse, socket: Socket | null): void {
  (res as { socket: Socket | null }).socket = socket;
}

// What describes a body or the connection itself has no place on a 101.
const NOT_ON_101 =
  /^(connection|upgrade|keep-alive|transfer-encoding|date|content-.*|sec-websocket-.*)$/i;

/**
 * Adds the headers that middleware has set on a response to the 101 in its place.
 *
 * @param lines the header lines of the 101
 */
export function addHeaders(lines: string[], res: ServerResponse): void {
  for (const name of res.getHeaderNames()) addHeader(lines, name, res.getHeader(name));
}

function addHeader(
  lines: string[],
  name: string,
  values: number | string | string[] | undefined,
): void {
  if (values === undefined || NOT_ON_101.test(name)) return;
  for (const value of [values].flat()) lines.push(`${name}: ${value}`);
}
