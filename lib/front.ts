import type { IncomingMessage, RequestListener } from "node:http";
import type Koa from "koa";
import { limitBody } from "./body-limit.ts";
import { createDoor, type DoorOptions, type Settled } from "./door.ts";
import { assertOneHost, hasBody } from "./handshake-check.ts";
import { answerHealth } from "./health.ts";
import { refusalOf } from "./http-connections.ts";
import { rawPath } from "./path.ts";
import { Refusal, writeRefusal } from "./refusal.ts";
import { assertBounded } from "./request-bounds.ts";

const MAX_BODY_BYTES = 1024 * 1024;
/** The one expectation that there is (RFC 9110 section 10.1.1), as Node looks for it. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** Options of {@link frontOf}. */
export interface FrontOptions extends DoorOptions {
  /** The longest body of a request in bytes; a longer one gets 413. Default 1 MiB. */
  maxBodyBytes?: number;
}

/**
 * What stands before the app for plain HTTP; `attach` has its own for handshakes.
 *
 * @param app the root app
 * @param options see {@link FrontOptions}
 * @param draining whether the server is on its way out
 * @returns a listener for the server's `request` event
 */
export function frontOf(
  app: Koa & Settled,
  options: FrontOptions,
  draining: () => boolean,
): RequestListener {
  // The door leaves only what a trusted proxy has forwarded, so Koa may believe it.
  if (options.trustProxy?.length) app.proxy = true;
  const door = createDoor(app, options);
  const callback = app.callback();
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
  return (req, res) => {
    const refused = refusalOf(req.socket);
    if (refused) res.shouldKeepAlive = false;
    try {
      assertOneHost(req);
      if (answerHealth(req, res, draining)) return;
      if (refused) throw refused;
      assertExpected(req);
      assertBounded(req);
      door.check(req);
    } catch (error) {
      res.shouldKeepAlive = false;
      return writeRefusal(res, error as Refusal);
    }
    if (hasBody(req)) {
      const own = app.settingsAt?.(rawPath(req.url ?? "")).maxBodyBytes;
      if (!limitBody(req, res, own ?? maxBodyBytes)) return;
    }
    if (draining()) res.shouldKeepAlive = false;
    void callback(req, res);
  };
}

// In HTTP/1.0 it means nothing.
function assertExpected({ headers: { expect }, httpVersion }: IncomingMessage): void {
  if (expect === undefined || httpVersion !== "1.1" || CONTINUE.test(expect)) return;
  throw new Refusal(417, "expected no other expectation than 100-continue");
}
