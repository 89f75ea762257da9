/**
 * The table of close codes: the name of each, and whether a client should connect again after it.
 * The codes are those of RFC 6455 section 7.4.1 and the IANA registry.
 */

/** One row of {@link closeCodes}. */
export interface CloseCodeMeaning {
  /** The code's name in the IANA registry. */
  readonly name: string;
  /** Whether a client that still wants the service should connect again. */
  readonly comeBack: boolean;
}

/** The close codes, by number. */
export const closeCodes: Readonly<Record<number, CloseCodeMeaning>> = {
  1000: { name: "Normal Closure", comeBack: false },
  1001: { name: "Going Away", comeBack: true },
  1002: { name: "Protocol Error", comeBack: false },
  1003: { name: "Unsupported Data", comeBack: false },
  1005: { name: "No Status Received", comeBack: true },
  1006: { name: "Abnormal Closure", comeBack: true },
  1007: { name: "Invalid Payload Data", comeBack: false },
  1008: { name: "Policy Violation", comeBack: false },
  1009: { name: "Message Too Big", comeBack: false },
  1010: { name: "Mandatory Extension", comeBack: false },
  1011: { name: "Internal Error", comeBack: true },
  1012: { name: "Service Restart", comeBack: true },
  1013: { name: "Try Again Later", comeBack: true },
  1014: { name: "Bad Gateway", comeBack: true },
  1015: { name: "TLS Handshake", comeBack: true },
};

/**
 * The longest close reason in UTF-8 bytes: a control frame carries at most 125 bytes of payload
 * and the code takes two of them (RFC 6455 section 5.5).
 */
export const MAX_REASON_BYTES = 123;

/**
 * Clips a close reason to the length that a close frame can carry, between two characters.
 *
 * @param reason any text
 * @returns the longest prefix of `reason` of at most {@link MAX_REASON_BYTES} UTF-8 bytes
 */
export function clipReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_REASON_BYTES) return bytes.toString();
  let end = MAX_REASON_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/**
 * Checks that a server may send a close code: 1000–1003, 1007–1014 or 3000–4999. By RFC 6455
 * section 7.4, 1004, 1005, 1006 and 1015 never appear on the wire.
 *
 * @throws RangeError with what was expected and what came
 */
export function assertSendable(code: number): void {
  const standard = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (Number.isInteger(code) && (standard || (code >= 3000 && code <= 4999))) return;
  throw new RangeError(
    `expected a close code of 1000–1003, 1007–1014 or 3000–4999, but got ${code}; ` +
      "use 4000–4999 for codes of your own",
  );
}

/**
 * A handler throws this to close its connection with a code: `throw new CloseError(4001, "…")`. The
 * log does not report it as an error.
 */
export class CloseError extends Error {
  override readonly name = "CloseError";
  /** The close code that the client gets. */
  readonly code: number;
  /** The close reason that the client gets, clipped to {@link MAX_REASON_BYTES} bytes. */
  readonly reason: string;

  /**
   * @param code a code that may be sent
   * @param reason text for the client, "" by default
   * @throws RangeError if the code may not be sent
   */
  constructor(code: number, reason = "") {
    assertSendable(code);
    super(`close ${code}${reason && `: ${reason}`}`);
    this.code = code;
    this.reason = clipReason(reason);
  }
}

/** How a connection ended: the close frame's code and reason, or 1005/1006 without one. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}
