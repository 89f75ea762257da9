import { Passes } from "./passes.ts";

/** Long enough to open a WebSocket on a slow phone. */
export const TICKET_SECONDS = 30;
/** How many unused tickets are valid at once. */
const MOST_TICKETS = 1_000;

/**
 * Short-lived tickets, each valid for one handshake. Unlike a token, a ticket may be seen in a URL.
 */
export class Tickets {
  readonly #passes = new Passes(TICKET_SECONDS, MOST_TICKETS);

  /** Issues a ticket. */
  issue(now?: number): string {
    return this.#passes.issue(now);
  }

  /** Uses a ticket up: returns true only the first time, and only in time. */
  redeem(ticket: string, now?: number): boolean {
    const good = this.#passes.isGood(ticket, now);
    this.#passes.end(ticket);
    return good;
  }
}
