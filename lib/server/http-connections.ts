import type { Server } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { Capacity, type Taken } from "../http/capacity.ts";
import { compileTrust } from "../http/client.ts";
import type { Refusal } from "../http/refusal.ts";
import type { Upgrades } from "../upgrade/connections.ts";
import type { DropLog } from "./dropped.ts";

/** How many connections may be open that are not, or not yet, WebSockets. */
export interface HttpLimitOptions {
  /** In total. Above that the server answers 503 with `Retry-After`. Default 20,000. */
  maxHttpConnections?: number;
  /**
   * From one address, or one IPv6 /64. Above that the server answers 429. Not for loopback or
   * trusted proxies. Default 100.
   */
  maxHttpConnectionsPerAddress?: number;
}

/** Options of {@link HttpConnections}. */
interface Needs extends HttpLimitOptions {
  trustProxy?: readonly string[];
}

/**
 * How many connections above the limit stay open until the server can refuse their request. The
 * server closes further connections at once.
 */
const MAX_REFUSED = 1_000;
const TOO_MANY = "more connections than maxHttpConnections or maxHttpConnectionsPerAddress allow";

const HELD = Symbol("held");

/** A socket with its place in the count, or with the refusal for its requests. */
type Held = Socket & { [HELD]?: Taken | Refusal | undefined };

/**
 * The sockets of a server that are not WebSockets: in HTTP, in a TLS handshake, or upgraded by
 * another library. `upgrades` counts the WebSockets.
 */
export class HttpConnections {
  /** All these sockets. */
  readonly sockets = new Set<Socket>();
  readonly #limits: Capacity;
  readonly #drops: DropLog;
  readonly #isTls: boolean;
  #refused = 0;

  /**
   * @param server a server that does not listen yet
   * @param upgrades its upgrades
   * @param options limits; each has a default
   * @param drops logs connections that are closed at once
   */
  constructor(server: Server, upgrades: Upgrades, options: Needs, drops: DropLog) {
    const { maxHttpConnections, maxHttpConnectionsPerAddress, trustProxy } = options;
    this.#limits = new Capacity({
      ...(maxHttpConnections !== undefined && { maxConnections: maxHttpConnections }),
      ...(maxHttpConnectionsPerAddress !== undefined && {
        maxConnectionsPerAddress: maxHttpConnectionsPerAddress,
      }),
    });
    this.#drops = drops;
    this.#isTls = server instanceof HttpsServer;
    const trust = compileTrust(trustProxy ?? []);
    // One listener for all sockets.
    const connections = this;
    function forget(this: Socket): void {
      connections.#forget(this);
    }
    server.on("connection", (socket: Held) => {
      if (socket.destroyed) return;
      this.sockets.add(socket);
      socket.on("close", forget);
      this.#take(socket, trust.peer(socket));
    });
    upgrades.on("accepted", ({ socket }) => {
      // In TLS another socket wraps the counted one.
      const counted = (socket as { _parent?: Socket })._parent ?? socket;
      counted.off("close", forget);
      this.#forget(counted);
    });
  }

  /** How many connections are counted now. */
  get total(): number {
    return this.#limits.total;
  }

  #take(socket: Held, exempt: boolean): void {
    try {
      socket[HELD] = this.#limits.take(socket.remoteAddress ?? "", exempt);
    } catch (refusal) {
      // In TLS an answer would need a costly handshake first.
      if (this.#isTls || this.#refused >= MAX_REFUSED) {
        socket.destroy();
        this.#drops.add(TOO_MANY);
        return;
      }
      this.#refused++;
      socket[HELD] = refusal as Refusal;
    }
  }

  #forget(socket: Held): void {
    this.sockets.delete(socket);
    const held = socket[HELD];
    socket[HELD] = undefined;
    if (held instanceof Error) this.#refused--;
    else held?.release();
  }
}

/** The refusal for all requests on a socket above the limits, if it is one. */
export function refusalOf(socket: Held): Refusal | undefined {
  const held = socket[HELD];
  return held instanceof Error ? held : undefined;
}
