import type { IncomingMessage, RequestListener } from "node:http";
import type { SubApp } from "../context/sub-app.ts";
import type { Admission, AdmissionOptions } from "../http/admission.ts";
import { limitBody } from "../http/body.ts";
import { rawPath } from "../http/path.ts";
import { Refusal, writeRefusal } from "../http/refusal.ts";
import { assertBounded } from "../http/request-bounds.ts";
import { assertOneHost, hasBody } from "../upgrade/check.ts";
import { answerHealth } from "./health.ts";
import { refusalOf } from "./http-connections.ts";

const MAX_BODY_BYTES = 1024 * 1024;
/** The one expectation that there is (RFC 9110 section 10.1.1), as Node looks for it. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** Options of {@link frontOf}. */
export interface FrontOptions extends AdmissionOptions {
  /** The longest body of a request, in bytes. A longer body gets 413. Default 1 MiB. */
  maxBodyBytes?: number;
}

/**
 * Makes the checks that run before the app for plain HTTP. `attach` has its own for handshakes.
 *
 * @param app the root app
 * @param admission the admission that the server has for handshakes too
 * @param options see {@link FrontOptions}
 * @param draining whether the server is shutting down
 * @returns a listener for the server's `request` event
 */
export function frontOf(
  app: SubApp,
  admission: Admission,
  options: FrontOptions,
  draining: () => boolean,
): RequestListener {
  // The admission deletes forwarded headers of untrusted clients, so Koa may believe the rest.
  if (options.trustProxy?.length) app.proxy = true;
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
      admission.check(req, false);
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
