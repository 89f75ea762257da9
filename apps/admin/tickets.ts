import { randomBytes } from "node:crypto";

/** 128 bits: nobody guesses one in the seconds it is good for. */
const TICKET_BYTES = 16;
/** Long enough to open a WebSocket on a slow phone. */
export const TICKET_SECONDS = 30;
/** More are not outstanding at once; the oldest is worth nothing then. */
const MOST_TICKETS = 1_000;

/** Short-lived tickets, each good for one handshake: safe to be seen in a URL, unlike a token. */
export class Tickets {
  readonly #expiry = new Map<string, number>();

  /** Issues a ticket. */
  issue(now = Date.now()): string {
    for (const [ticket, expiresAt] of this.#expiry) {
      if (expiresAt > now && this.#expiry.size < MOST_TICKETS) break;
      this.#expiry.delete(ticket);
    }
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    this.#expiry.set(ticket, now + TICKET_SECONDS * 1_000);
    return ticket;
  }

  /** Takes a ticket in: true once, and only in time. */
  redeem(ticket: string, now = Date.now()): boolean {
    const expiresAt = this.#expiry.get(ticket);
    this.#expiry.delete(ticket);
    return expiresAt !== undefined && expiresAt > now;
  }
}
