/** The answer to a `ping`. */
export const PONG = JSON.stringify({ type: "pong" });

/** Longer messages are not a `ping`, whatever spaces they have. */
const LONGEST_PING = 64;

/** Whether a message is `{"type":"ping"}`. Pages use it because browsers hide WebSocket pings. */
export function isPing(message: unknown): boolean {
  if (typeof message !== "string" || message.length > LONGEST_PING) return false;
  try {
    return (JSON.parse(message) as { type?: unknown } | null)?.type === "ping";
  } catch {
    return false;
  }
}
