import { isIPv6 } from "node:net";
import { isLoopback } from "./origin.ts";
import { Refusal } from "./refusal.ts";

/** How many connections may be open, pending handshakes included. */
export interface LimitOptions {
  /** In total. Above that the server answers 503 with `Retry-After`. Default 20,000. */
  maxConnections?: number;
  /**
   * From one address, or one IPv6 /64. Above that the server answers 429. Not for loopback. Default
   * 100.
   */
  maxConnectionsPerAddress?: number;
}

const MAX_CONNECTIONS = 20_000;
const MAX_PER_ADDRESS = 100;
/** In seconds: long enough for a load balancer to choose another server. */
const RETRY_AFTER = "5";

/** Counts the connections of one server, and refuses those above the limits. */
export class Capacity {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(options: LimitOptions = {}) {
    this.#max = options.maxConnections ?? MAX_CONNECTIONS;
    this.#maxPerAddress = options.maxConnectionsPerAddress ?? MAX_PER_ADDRESS;
  }

  /** How many connections are counted now. */
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
   * @param address the client's address
   * @param exempt whether the address is a proxy's, which stands for many clients
   * @returns the connection's place in the count; call `release` at its end
   * @throws Refusal 503 or 429
   */
  take(address: string, exempt = false): Taken {
    if (this.#total >= this.#max) {
      throw new Refusal(
        503,
        "expected room for a connection, but this server is full; try again later",
        {
          "Retry-After": RETRY_AFTER,
        },
      );
    }
    const who = exempt ? "" : shareOf(address);
    if (who) this.#count(who);
    this.#total++;
    return new Taken(this, who);
  }

  /** Takes one connection off the count. */
  giveBack(who: string | undefined): void {
    this.#total--;
    if (who) this.#uncount(who);
  }

  #count(who: string): void {
    const count = this.#byAddress.get(who) ?? 0;
    if (count >= this.#maxPerAddress) {
      throw new Refusal(
        429,
        "expected fewer connections from this address; close some, or try again later",
        {
          "Retry-After": RETRY_AFTER,
        },
      );
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
  #limits: Capacity | undefined;
  readonly #who: string | undefined;
  /** Another place that the same connection has taken: a linked list, as most have only one. */
  next?: Taken;

  constructor(limits: Capacity, who: string | undefined) {
    this.#limits = limits;
    this.#who = who;
  }

  /** Takes the connection off the count. A second call does nothing. */
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
 * The key under which a connection counts: its address, or its network. Loopback is not counted,
 * nor is a Unix socket without a forwarded address.
 *
 * @returns "" when it is not counted
 */
export function shareOf(address: string): string {
  return isLoopback(address) ? "" : networkOf(address);
}

/**
 * The key of an address where clients are counted by address. An IPv4 address is its own key. A
 * customer of an IPv6 network has a /64 of 2^64 addresses (RFC 6177), which share one key.
 *
 * @param address an address as in `ctx.ip`
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
