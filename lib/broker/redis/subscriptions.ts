import type { Address } from "./address.ts";
import { isReply } from "./client.ts";
import type { Line } from "./line.ts";
import { Link } from "./link.ts";
import { observe } from "./observe.ts";
import { unavailable } from "./unavailable.ts";

/** Channels in one command, so that none holds Redis for long. */
const MOST_AT_ONCE = 500;
/** How long a subscription waits for a connection, in milliseconds: as long as a call is repeated. */
const WAIT_MS = 5_000;

/** What {@link Subscriptions} asks and tells. */
export interface SubscriptionsListener {
  /** The channels that this process wants to hear now. */
  channels(): string[];
  /** A message has come on a channel. */
  message(channel: string, message: string): void;
  /** All channels are subscribed to again, after a time in which messages may have been lost. */
  again(): void;
}

/** The subscriptions of this process, on a connection of their own; they outlive it. */
export class Subscriptions {
  readonly #link: Link;
  readonly #listener: SubscriptionsListener;
  readonly #hear: (message: string, channel: string) => void;

  /** Makes them; the connection is opened for the first subscription. */
  constructor(address: Address, listener: SubscriptionsListener) {
    this.#listener = listener;
    this.#hear = (message, channel) => listener.message(channel, message);
    this.#link = new Link(address, {
      up: (line) => this.#subscribeAll(line),
      down: (error) => observe("state", { connection: "subscriptions", up: false, error }),
    });
  }

  /** Resolves when the connection stands. @throws Unavailable when it does not in time */
  async wait(ms: number): Promise<void> {
    await this.#link.wait(ms);
  }

  /**
   * Subscribes to a channel, again and again for five seconds where the connection breaks.
   *
   * @throws Unavailable when Redis cannot be reached, or refuses
   */
  async add(channel: string): Promise<void> {
    const until = performance.now() + WAIT_MS;
    for (;;) {
      const line = await this.#link.wait(until - performance.now());
      try {
        return await line.client.sSubscribe(channel, this.#hear);
      } catch (error) {
        if (isReply(error) || performance.now() >= until) unavailable(error);
        // This line has broken, though its end may not have been told yet.
        line.close();
      }
    }
  }

  /** Ends the subscription to a channel. */
  async remove(channel: string): Promise<void> {
    // Where this fails, the connection has broken, and its subscriptions with it.
    await this.#link.line?.client.sUnsubscribe(channel, this.#hear).catch(() => {});
  }

  /** Ends all. */
  close(): void {
    this.#link.close();
  }

  // node-redis does this too after a reconnection; a line never reconnects.
  async #subscribeAll(line: Line): Promise<void> {
    const all = this.#listener.channels();
    for (let at = 0; at < all.length; at += MOST_AT_ONCE) {
      await line.client.sSubscribe(all.slice(at, at + MOST_AT_ONCE), this.#hear);
    }
    observe("state", { connection: "subscriptions", up: true });
    if (all.length > 0) this.#listener.again();
  }
}
