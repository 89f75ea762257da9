import { type Server as HttpServer, STATUS_CODES } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { leaveHttp, owedOn } from "./one-at-a-time.ts";
import { linger } from "./refusal.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";

/** The status and the text for each error of Node's parser. */
const ANSWERS: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "expected shorter request headers"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "expected shorter chunk extensions"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "expected the whole request in time"],
};
const MALFORMED = [400, "expected a well-formed HTTP request (RFC 9112)"] as const;

/**
 * Answers requests that Node's parser refuses: with Node's own statuses, and with the headers that
 * every answer of this server has.
 */
export function answerParserErrors(server: HttpServer | HttpsServer): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    // A second response cannot follow one that has begun. The parser is gone in any case.
    const isBehind = owedOn(socket)?.headersSent;
    if (error.code === "ECONNRESET" || !socket.writable || isBehind) return void socket.destroy();
    leaveHttp(socket);
    socket.removeAllListeners("data");
    socket.write(answerTo(error.code));
    linger(socket);
  });
}

function answerTo(code: string | undefined): string {
  const [status, reason] = ANSWERS[code ?? ""] ?? MALFORMED;
  const headers = [
    ["Connection", "close"],
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(Buffer.byteLength(reason))],
    ...SECURITY_HEADERS,
  ];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${reason}`;
}
