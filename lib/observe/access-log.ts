import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { clientOf, peerOf } from "../http/client.ts";
import { rawPath } from "../http/path.ts";
import { reasonOf } from "../http/refusal.ts";
import { type SlowEvent, slowChannel } from "../topic/member.ts";
import type { Upgrades } from "../upgrade/connections.ts";
import type { Handshake } from "../upgrade/handshake.ts";
import type { Session } from "../upgrade/session.ts";
import type { Logger } from "./log.ts";

/** What of a request is logged when its response has ended. */
interface Beginning {
  readonly startedAt: number;
  readonly peer: string;
  readonly method: string | undefined;
  readonly path: string;
  /** What earlier answers on the connection have taken, in bytes. */
  readonly writtenBefore: number;
  /** Whether the kernel has taken the answer whole. */
  isFinished: boolean;
}

/** The head of a response as Node has written it, the empty line included. */
interface Written {
  readonly _header?: string | null;
}

const BEGUN = Symbol("begun");

interface Begun {
  [BEGUN]?: Beginning;
}

/**
 * Tells a server's story in the log: a line for each handshake, for each end of a connection and
 * for each HTTP request, at level info. An ordinary disconnect is a line like any other.
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
 * Warns of members of topics that lose messages because they cannot keep up: at the first one,
 * the tenth, the hundredth …, so that a slow client does not fill the log.
 *
 * @param upgrades the server's upgrades; other servers of this process have logs of their own
 * @param log where the lines go
 * @returns ends it
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
 * A listener for a server's `request` event that logs each response when it has ended. Put it
 * before the app's.
 */
export function logRequests(log: Logger): (req: IncomingMessage, res: ServerResponse) => void {
  // One listener for all responses: each has its beginning on it.
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
    // Mounts rewrite `req.url` on the way; the story has the path as it was asked for.
    const writtenBefore = req.socket.bytesWritten;
    const peer = peerOf(req);
    const path = rawPath(url);
    const startedAt = performance.now();
    res[BEGUN] = { startedAt, peer, method, path, writtenBefore, isFinished: false };
    res.on("finish", finish);
    res.on("close", tell);
  };
}

// A response has the connection for itself until its end. Chunks count with their sizes.
function bodyBytes(res: ServerResponse & Written, writtenBefore: number): number {
  return Math.max(res.req.socket.bytesWritten - writtenBefore - (res._header?.length ?? 0), 0);
}

// A client may have all that was announced, and go, before the app knows that its file has ended.
function isWhole(res: ServerResponse & Begun, bytes: number | undefined): boolean {
  if (res[BEGUN]?.isFinished) return true;
  if (res.req.socket.errored) return false;
  const announced = res.getHeader("Content-Length");
  return bytes !== undefined && announced !== undefined && bytes >= Number(announced);
}

// Node says so of a response whose socket was destroyed, too.
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

// A URL that a reason names may have the client's query, which may hold a token.
function withoutQuery(reason: string | undefined): string | undefined {
  return reason?.replace(/\?\S*/, "");
}

function since(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
