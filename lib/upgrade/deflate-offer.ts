import type { IncomingMessage } from "node:http";
import type { PerMessageDeflateOptions } from "ws";
import * as ws from "ws";

/** What ws exports and its types leave out. */
interface Negotiating {
  readonly extension: {
    parse(header: string): Record<string, Offer[]>;
    format(extensions: Record<string, Offer[]>): string;
  };
  readonly PerMessageDeflate: new (
    options: PerMessageDeflateOptions & { isServer: boolean; maxPayload: number },
  ) => { accept(offers: Offer[]): unknown };
}

const { extension, PerMessageDeflate } = ws as unknown as Negotiating;

const NAME = "permessage-deflate";

/** Parameters of one offer, as ws parses them. */
type Offer = Record<string, (string | true)[]>;

/**
 * Leaves of the extensions that a client offers the first offer of permessage-deflate that can be
 * accepted, or none: what cannot be accepted is declined, and the connection goes on without it
 * (RFC 7692 section 7). ws refuses the whole handshake. A header that is no list of extensions stays,
 * for ws to refuse (RFC 6455 section 9.1).
 *
 * @param options of the route's compression
 * @param maxPayload the longest message, in bytes
 */
export function declineUnacceptable(
  req: IncomingMessage,
  options: PerMessageDeflateOptions,
  maxPayload: number,
): void {
  const header = req.headers["sec-websocket-extensions"];
  if (header === undefined) return;
  let offers: Offer[];
  try {
    offers = extension.parse(header)[NAME] ?? [];
  } catch {
    return;
  }
  const offer = offers.find((each) => isAcceptable(each, options, maxPayload));
  if (offer) req.headers["sec-websocket-extensions"] = extension.format({ [NAME]: [offer] });
  else delete req.headers["sec-websocket-extensions"];
}

function isAcceptable(
  offer: Offer,
  options: PerMessageDeflateOptions,
  maxPayload: number,
): boolean {
  try {
    // It writes what it makes of the parameters over them.
    new PerMessageDeflate({ ...options, isServer: true, maxPayload }).accept([{ ...offer }]);
    return true;
  } catch {
    return false;
  }
}
