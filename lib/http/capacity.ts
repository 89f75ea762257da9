import { isIPv6 } from "node:net";
import { isLoopback } from "./origin.ts";
import { Refusal } from "./refusal.ts";

/** How many connections may be open, handshakes on their way included. */
export interface LimitOptions {
  /** In total. More get 503 with `Retry-After`. Default 20,000. */
  maxConnections?: number;
  /** From one address, or one IPv6 /64. More get 429. Not for loopback. Default 100. */
  maxConnectionsPerAddress?: number;
}

const MAX_CONNECTIONS = 20_000;
const MAX_PER_ADDRESS = 100;
/** Seconds; long enough for a load balancer to choose another server first. */
const RETRY_AFTER = "5";

/** Counts what is connected to one server, and says when it is enough. */
export class Limits {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(options: LimitOptions = {}) {
    this.#max = options.maxConnections ?? MAX_CONNECTIONS;
    this.#maxPerAddress = options.maxConnectionsPerAddress ?? MAX_PER_ADDRESS;
  }

  /** How many are counted now. */
  get total(): number {
    return this.#total;
  }

  /** How many addresses are counted now. */
  get addresses(): number {
    return this.#byAddress.size;
  }

  /**
   * Counts one more connection.
   *
   * @param address where it comes from
   * @param exempt whether the address is a proxy's, which stands for many
   * @returns takes it off the count when it is released; once more does nothing
   * @throws Refusal 503 or 429
   */
  take(address: string, exempt = false): Taken {
    if (this.#total >= this.#max) {
      throw new Refusal(503, "this server has all the connections it can hold", {
        "Retry-After": RETRY_AFTER,
      });
    }
    const who = exempt ? "" : shareOf(address);
    if (who) this.#count(who);
    this.#total++;
    return new Taken(this, who);
  }

  /** Takes one off the count. */
  giveBack(who: string | undefined): void {
    this.#total--;
    if (who) this.#uncount(who);
  }

  #count(who: string): void {
    const count = this.#byAddress.get(who) ?? 0;
    if (count >= this.#maxPerAddress) {
      throw new Refusal(429, "there are too many connections from this address", {
        "Retry-After": RETRY_AFTER,
      });
    }
    this.#byAddress.set(who, count + 1);
  }

  #uncount(who: string): void {
    const count = (this.#byAddress.get(who) ?? 1) - 1;
    if (count > 0) this.#byAddress.set(who, count);
    else this.#byAddress.delete(who);
  }
}

/** One connection in the count. */
export class Taken {
  #limits: Limits | undefined;
  readonly #who: string | undefined;
  /** Another one that the same connection has taken; a list, for most have one. */
  next?: Taken;

  constructor(limits: Limits, who: string | undefined) {
    this.#limits = limits;
    this.#who = who;
  }

  /** Takes it off the count; a second call does nothing. */
  release(): void {
    this.#limits?.giveBack(this.#who);
    this.#limits = undefined;
  }
}

/** Takes a place, and all that are chained to it by `next`, off their counts. */
export function releaseAll(first: Taken | undefined): void {
  for (let taken = first; taken; taken = taken.next) taken.release();
}

/**
 * What a connection counts for: its address, or its network. Loopback has no share, nor has what
 * comes through a Unix socket and names nobody.
 *
 * @returns "" for no share
 */
export function shareOf(address: string): string {
  return isLoopback(address) ? "" : networkOf(address);
}

/**
 * What an address counts as where clients are counted by address: an IPv4 address as itself. One
 * customer of an IPv6 network has a /64 of 2^64 addresses (RFC 6177), which count as one.
 *
 * @param address as `ctx.ip` gives it
 */
export function networkOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(bare)) return bare;
  const [head = "", tail] = (bare.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array(8 - left.length - right.length).fill("0");
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
