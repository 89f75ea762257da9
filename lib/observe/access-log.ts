import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { clientOf, peerOf } from "../http/client.ts";
import { rawPath } from "../http/path.ts";
import { reasonOf } from "../http/refusal.ts";
import { type SlowEvent, slowChannel } from "../topic/member.ts";
import type { Upgrades } from "../upgrade/connections.ts";
import type { Handshake } from "../upgrade/handshake.ts";
import type { Session } from "../upgrade/session.ts";
import type { Logger } from "./log.ts";

/** The data of a request for its log line, which is written when the response has ended. */
interface Beginning {
  readonly startedAt: number;
  readonly peer: string;
  readonly method: string | undefined;
  readonly path: string;
  /** Bytes written to the socket before this answer. */
  readonly writtenBefore: number;
  /** Whether the kernel has taken the whole answer. */
  isFinished: boolean;
}

/** The header of a response as Node has written it, with the empty line. */
interface Written {
  readonly _header?: string | null;
}

const BEGUN = Symbol("begun");

interface Begun {
  [BEGUN]?: Beginning;
}

/**
 * Logs a line at level info for each handshake and for each end of a connection. An ordinary
 * disconnect is logged like any other.
 *
 * @param upgrades the server's upgrades
 * @param log where the lines go
 */
export function logUpgrades(upgrades: Upgrades, log: Logger): void {
  upgrades.on("accepted", (session) => line(log, session, 101, "[accepted]"));
  upgrades.on("refused", (handshake, status) => {
    const reason = withoutQuery(handshake.reason);
    const why = reason === undefined ? "" : `: ${reason}`;
    line(log, handshake, status, `[refused ${status} ${STATUS_CODES[status] ?? ""}${why}]`, reason);
  });
  upgrades.on("abandoned", (handshake) => {
    const outcome = handshake.taken ? "[upgraded by other code]" : "[client left]";
    line(log, handshake, undefined, outcome);
  });
  upgrades.on("cutOff", ({ client, path }, behind) => {
    log.warn(
      { event: "slow", client, path, behind },
      `${client} - "WebSocket ${path}" [slow: cut off, ${behind} bytes behind]`,
    );
  });
  upgrades.on("abandonedReader", ({ client, path }) => {
    log.debug(
      { event: "reader-left", client, path },
      `${client} - "WebSocket ${path}" [the handler returned while its messages were still read; ` +
        "it has to await what reads them]",
    );
  });
  upgrades.on("closed", ({ client, path, startedAt }, { code }) => {
    if (!log.isLevelEnabled("info")) return;
    const durationMs = since(startedAt);
    log.info(
      { event: "close", client, path, code, durationMs },
      `${client} - "WebSocket ${path}" [closed ${code} after ${seconds(durationMs)}]`,
    );
  });
}

/**
 * Warns of members of topics that lose messages because they are slow: at the first message, the
 * tenth, the hundredth …, so that a slow client does not fill the log.
 *
 * @param upgrades the server's upgrades; each server of a process has its own log
 * @param log where the lines go
 * @returns a function that ends the warnings
 */
export function logSlow(upgrades: Upgrades, log: Logger): () => void {
  const warn = (message: unknown) => {
    const { topic, connection, policy, dropped } = message as SlowEvent;
    if (!/^10*$/.test(String(dropped))) return;
    const session = [...upgrades.live].find((each) => each.connection === connection);
    if (!session) return;
    const { client, path } = session;
    log.warn(
      { event: "slow", client, path, topic, policy, dropped },
      `${client} - "WebSocket ${path}" [slow: ${dropped} messages dropped, ${policy}]`,
    );
  };
  slowChannel.subscribe(warn);
  return () => slowChannel.unsubscribe(warn);
}

/**
 * Makes a listener for a server's `request` event that logs each response when it has ended. Add it
 * before the app's listener.
 */
export function logRequests(log: Logger): (req: IncomingMessage, res: ServerResponse) => void {
  // One listener for all responses: each response carries its own data.
  function tell(this: ServerResponse & Begun): void {
    const { startedAt, peer, method, path, writtenBefore } = this[BEGUN] as Beginning;
    const client = clientOf(this.req, peer);
    const durationMs = since(startedAt);
    const status = this.headersSent ? this.statusCode : undefined;
    const bytes = status && bodyBytes(this, writtenBefore);
    const reason = withoutQuery(reasonOf(this));
    const why = reason === undefined ? "" : `: ${reason}`;
    const answered = status ? `${status} ${STATUS_CODES[status] ?? ""}${why}` : "";
    const left = bytes === undefined ? "[client left]" : `[client left after ${bytes} bytes]`;
    const outcome = isWhole(this, bytes) ? answered : `${answered} ${left}`.trimStart();
    log.info(
      { event: "request", client, method, path, status, bytes, reason, durationMs },
      `${client} - "${method} ${path}" ${outcome} ${durationMs} ms`,
    );
  }
  return (req, res: ServerResponse & Begun) => {
    if (!log.isLevelEnabled("info")) return;
    const { method, url = "" } = req;
    // Mounts rewrite `req.url` on the way; the log has the original path.
    const writtenBefore = req.socket.bytesWritten;
    const peer = peerOf(req);
    const path = rawPath(url);
    const startedAt = performance.now();
    res[BEGUN] = { startedAt, peer, method, path, writtenBefore, isFinished: false };
    res.on("finish", finish);
    res.on("close", tell);
  };
}

// Only one response uses the connection at a time. Of a chunked body the chunk sizes count too.
function bodyBytes(res: ServerResponse & Written, writtenBefore: number): number {
  return Math.max(res.req.socket.bytesWritten - writtenBefore - (res._header?.length ?? 0), 0);
}

// A client may have the whole answer, and leave, before the app sees the end of its file.
function isWhole(res: ServerResponse & Begun, bytes: number | undefined): boolean {
  if (res[BEGUN]?.isFinished) return true;
  if (res.req.socket.errored) return false;
  const announced = res.getHeader("Content-Length");
  return bytes !== undefined && announced !== undefined && bytes >= Number(announced);
}

// Node emits `finish` even when the socket was destroyed.
function finish(this: ServerResponse & Begun): void {
  (this[BEGUN] as Beginning).isFinished = !this.req.socket.destroyed;
}

function line(
  log: Logger,
  { client, path, startedAt }: Handshake | Session,
  status: number | undefined,
  outcome: string,
  reason?: string,
): void {
  if (!log.isLevelEnabled("info")) return;
  log.info(
    { event: "handshake", client, path, status, reason, durationMs: since(startedAt) },
    `${client} - "WebSocket ${path}" ${outcome}`,
  );
}

// A reason may contain a URL with the client's query, which may hold a token.
function withoutQuery(reason: string | undefined): string | undefined {
  return reason?.replace(/\?\S*/, "");
}

function since(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
