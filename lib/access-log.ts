import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { clientOf, peerOf } from "./address.ts";
import type { Handshake } from "./handshake.ts";
import type { Logger } from "./log.ts";
import { type SlowEvent, slowChannel } from "./member.ts";
import { rawPath } from "./path.ts";
import type { Upgrades } from "./upgrades.ts";

/** What of a request is logged when its response has ended. */
interface Beginning {
  readonly startedAt: number;
  readonly peer: string;
  readonly method: string | undefined;
  readonly path: string;
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
  upgrades.on("accepted", (handshake) => line(log, handshake, 101, "[accepted]"));
  upgrades.on("refused", (handshake, status) => {
    // A URL that it names may have the client's query, which may hold a token.
    const reason = handshake.reason?.replace(/\?\S*/, "");
    const why = reason === undefined ? "" : `: ${reason}`;
    line(log, handshake, status, `[refused ${status} ${STATUS_CODES[status] ?? ""}${why}]`, reason);
  });
  upgrades.on("abandoned", (handshake) => line(log, handshake, undefined, "[client left]"));
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
  upgrades.on("closed", (handshake, { code }) => {
    if (!log.isLevelEnabled("info")) return;
    const durationMs = since(handshake.startedAt);
    const { client, path } = handshake;
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
    const live = [...upgrades.live].find((each) => each.connection === connection);
    if (!live) return;
    const { client, path } = live.handshake;
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
    const { startedAt, peer, method, path } = this[BEGUN] as Beginning;
    const client = clientOf(this.req, peer);
    const durationMs = since(startedAt);
    const status = this.writableFinished ? this.statusCode : undefined;
    const outcome = status ? `${status} ${STATUS_CODES[status] ?? ""}` : "[client left]";
    log.info(
      { event: "request", client, method, path, status, durationMs },
      `${client} - "${method} ${path}" ${outcome} ${durationMs} ms`,
    );
  }
  return (req, res: ServerResponse & Begun) => {
    if (!log.isLevelEnabled("info")) return;
    const { method, url = "" } = req;
    // Mounts rewrite `req.url` on the way; the story has the path as it was asked for.
    res[BEGUN] = { startedAt: performance.now(), peer: peerOf(req), method, path: rawPath(url) };
    res.on("close", tell);
  };
}

function line(
  log: Logger,
  handshake: Handshake,
  status: number | undefined,
  outcome: string,
  reason?: string,
): void {
  if (!log.isLevelEnabled("info")) return;
  const { client, path } = handshake;
  log.info(
    { event: "handshake", client, path, status, reason, durationMs: since(handshake.startedAt) },
    `${client} - "WebSocket ${path}" ${outcome}`,
  );
}

function since(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
