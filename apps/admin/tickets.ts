import { Passes } from "./passes.ts";

/** Long enough to open a WebSocket on a slow phone. */
export const TICKET_SECONDS = 30;
/** Of tickets that are not used. */
const MOST_TICKETS = 1_000;

/** Short-lived tickets, each good for one handshake: safe to be seen in a URL, unlike a token. */
export class Tickets {
  readonly #passes = new Passes(TICKET_SECONDS, MOST_TICKETS);

  /** Issues a ticket. */
  issue(now?: number): string {
    return this.#passes.issue(now);
  }

  /** Takes a ticket in: true once, and only in time. */
  redeem(ticket: string, now?: number): boolean {
    const good = this.#passes.isGood(ticket, now);
    this.#passes.end(ticket);
    return good;
  }
}
