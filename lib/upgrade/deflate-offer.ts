import type { IncomingMessage } from "node:http";
import type { PerMessageDeflateOptions } from "ws";
import * as ws from "ws";

/** Exports of ws that its types leave out. */
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
 * Declines the offers of permessage-deflate that the server cannot accept.
 *
 * The function keeps the client's first acceptable offer and removes all others. When no offer is
 * acceptable, the connection has no compression (RFC 7692 section 7); ws alone would refuse the
 * whole handshake. A malformed header stays, and ws refuses it (RFC 6455 section 9.1).
 *
 * @param req the request of the handshake; its header is changed
 * @param options the route's options of compression
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
    // `accept` overwrites the parameters, so it gets a copy.
    new PerMessageDeflate({ ...options, isServer: true, maxPayload }).accept([{ ...offer }]);
    return true;
  } catch {
    return false;
  }
}
