import type { Line, LineOptions } from "./line.ts";
import { Link } from "./link.ts";
import { observe } from "./observe.ts";
import { unavailable } from "./unavailable.ts";

/** Channels in one command, so that none holds Redis for long. */
const MOST_AT_ONCE = 500;
const WAIT_MS = 5_000;

/** What {@link Subscriptions} tells. */
export interface SubscriptionsListener {
  message(channel: string, message: string): void;
  /** All channels are subscribed to again, after a time in which messages may have been lost. */
  again(): void;
}

/** The channels that this process hears, on a connection of their own; they outlive it. */
export class Subscriptions {
  readonly #channels = new Set<string>();
  readonly #link: Link;
  readonly #listener: SubscriptionsListener;
  readonly #hear: (message: string, channel: string) => void;

  constructor(options: LineOptions, listener: SubscriptionsListener) {
    this.#listener = listener;
    this.#hear = (message, channel) => listener.message(channel, message);
    this.#link = new Link(options, {
      up: (line) => this.#subscribeAll(line),
      down: () => observe("state", { connection: "subscriptions", up: false }),
    });
  }

  /** Resolves when the connection is there. */
  async wait(ms: number): Promise<void> {
    await this.#link.wait(ms);
  }

  /** Subscribes to a channel. @throws Unavailable when Redis cannot be reached */
  async add(channel: string): Promise<void> {
    this.#channels.add(channel);
    const line = this.#link.line ?? (await this.#link.wait(WAIT_MS));
    await line.client.sSubscribe(channel, this.#hear).catch((error) => {
      this.#channels.delete(channel);
      return unavailable(error);
    });
  }

  /** Ends the subscription to a channel. */
  async remove(channel: string): Promise<void> {
    this.#channels.delete(channel);
    // Where it fails, the connection has broken, and its subscriptions with it.
    await this.#link.line?.client.sUnsubscribe(channel, this.#hear).catch(() => {});
  }

  /** The topic of a channel: what follows the bucket's tag. */
  topicOf(channel: string): string {
    return channel.slice(channel.indexOf("}:c:") + 4);
  }

  /** Ends all. */
  close(): void {
    this.#channels.clear();
    this.#link.close();
  }

  async #subscribeAll(line: Line): Promise<void> {
    const all = [...this.#channels];
    for (let at = 0; at < all.length; at += MOST_AT_ONCE) {
      await line.client.sSubscribe(all.slice(at, at + MOST_AT_ONCE), this.#hear);
    }
    observe("state", { connection: "subscriptions", up: true });
    if (all.length > 0) this.#listener.again();
  }
}
