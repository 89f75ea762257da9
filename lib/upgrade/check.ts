import type { IncomingMessage } from "node:http";
import { Refusal } from "../http/refusal.ts";
import { assertBounded } from "../http/request-bounds.ts";

/** Sixteen bytes in base64 (RFC 6455 section 4.1). */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** A token (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Whether an upgrade request asks for a WebSocket. The server answers a request for another
 * protocol as plain HTTP (RFC 9110 section 7.8).
 */
export function asksForWebSocket(req: IncomingMessage): boolean {
  const { upgrade } = req.headers;
  return (
    upgrade === "websocket" ||
    listOf(upgrade).some((protocol) => protocol.toLowerCase() === "websocket")
  );
}

/** Whether the headers of an upgrade request announce a body. */
export function hasBody(req: IncomingMessage): boolean {
  return (
    req.headers["transfer-encoding"] !== undefined ||
    Number(req.headers["content-length"] ?? 0) !== 0
  );
}

/**
 * Gives the subprotocols that a client offers, in the client's order of preference.
 *
 * @throws Refusal 400 when the header is not a list of different tokens (RFC 6455 4.1)
 */
export function offeredProtocols(req: IncomingMessage): string[] {
  const header = req.headers["sec-websocket-protocol"];
  if (header === undefined) return [];
  const offered = header.split(",").map((protocol) => protocol.trim());
  if (offered.every((token) => TOKEN.test(token)) && new Set(offered).size === offered.length) {
    return offered;
  }
  throw new Refusal(400, "expected Sec-WebSocket-Protocol to be a list of different tokens");
}

const ONE_HOST = "expected one Host header";

/**
 * Checks that a request has at most one Host header. Of two, a proxy may have checked the other.
 *
 * @throws Refusal 400 (RFC 9112 section 3.2)
 */
export function assertOneHost(req: IncomingMessage): void {
  if (countOf(req.rawHeaders, "host") > 1) throw new Refusal(400, ONE_HOST);
}

/**
 * Checks a handshake by RFC 6455 section 4.2.1, before any middleware sees it.
 *
 * @throws Refusal 405 for a wrong method, 426 for a wrong version, 400 for any other fault
 */
export function checkHandshake(req: IncomingMessage): void {
  if (req.method !== "GET") {
    throw new Refusal(405, `expected the method GET for a WebSocket, but got ${req.method}`, {
      Allow: "GET",
    });
  }
  if (req.httpVersionMajor === 1 && req.httpVersionMinor < 1) {
    throw new Refusal(400, "expected HTTP/1.1 for a WebSocket, but got HTTP/1.0");
  }
  assertOneHost(req);
  // Node requires a Host header of plain requests, but not of upgrades.
  if (req.headers.host === undefined) throw new Refusal(400, ONE_HOST);
  if (req.headers["sec-websocket-version"] !== "13") {
    throw new Refusal(426, "expected Sec-WebSocket-Version: 13", {
      "Sec-WebSocket-Version": "13",
    });
  }
  if (!KEY.test(req.headers["sec-websocket-key"] ?? "")) {
    throw new Refusal(400, "expected Sec-WebSocket-Key to be 16 bytes in base64");
  }
  if (hasBody(req)) throw new Refusal(400, "expected a WebSocket handshake without a body");
  assertBounded(req);
  offeredProtocols(req);
}

function countOf(rawHeaders: readonly string[], wanted: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === wanted.length && name.toLowerCase() === wanted) count++;
  }
  return count;
}

function listOf(header: string | undefined): string[] {
  return (header ?? "").split(",").map((item) => item.trim());
}
