/** The answer to a `ping`. */
export const PONG = JSON.stringify({ type: "pong" });

/** Longer messages are no `ping`, however they are spaced. */
const LONGEST_PING = 64;

/** Whether a client asks for a sign of life: `{"type":"ping"}`. Browsers show no pings of ws. */
export function isPing(message: unknown): boolean {
  if (typeof message !== "string" || message.length > LONGEST_PING) return false;
  try {
    return (JSON.parse(message) as { type?: unknown } | null)?.type === "ping";
  } catch {
    return false;
  }
}
