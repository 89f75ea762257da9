import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal, writeRefusal } from "./refusal.ts";

/**
 * Bounds the body of a request, whichever middleware reads it. Checks Content-Length, or counts the
 * bytes of a chunked body.
 *
 * @param req the request
 * @param res its response; a longer body is answered 413, and the connection ends
 * @param maxBytes the longest body
 * @returns false when the request was refused and must not go on
 */
export function limitBody(req: IncomingMessage, res: ServerResponse, maxBytes: number): boolean {
  const announced = Number(req.headers["content-length"] ?? 0);
  if (announced > maxBytes) {
    tooLarge(res, maxBytes);
    return false;
  }
  if (req.headers["transfer-encoding"] !== undefined) countChunks(req, res, maxBytes);
  return true;
}

// Node's parser passes each chunk to `push`. A `data` listener would start the flow before the app
// reads.
function countChunks(req: IncomingMessage, res: ServerResponse, maxBytes: number): void {
  let bytes = 0;
  const push = req.push.bind(req);
  req.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    bytes += chunk?.length ?? 0;
    if (bytes <= maxBytes) return push(chunk, encoding);
    req.push = () => true;
    // The reader gets the error of a client that left; the response says why. Node alone would
    // leave the reader waiting after the request is answered.
    const left = Object.assign(new Error("aborted"), { code: "ECONNRESET" });
    if (res.headersSent) req.destroy(left);
    else {
      req.socket.once("close", () => req.destroy(left));
      tooLarge(res, maxBytes);
    }
    return true;
  };
}

function tooLarge(res: ServerResponse, maxBytes: number): void {
  res.shouldKeepAlive = false;
  writeRefusal(res, new Refusal(413, `expected a body of at most ${maxBytes} bytes`));
}
