import type { Child } from "./child.ts";
import type { Target } from "./client/socket.ts";
import { type Plan, targetPrefix } from "./plan.ts";

/** The contestants, in the order in which they are shown; bare ws is what they are compared to. */
export const CONTESTANTS = [
  "ws",
  "koa",
  "fastify",
  "hono",
  "express-ws",
  "socket-io",
  "ours",
  "ours-silent",
  "ours-no-bufferutil",
  "floor",
] as const;

export type ContestantName = (typeof CONTESTANTS)[number];

/** What one measurement gave. */
export interface Measured {
  /** What is compared: lower is better. See {@link Workload.unit}. */
  readonly cost: number;
  /** Operations a second, as the client saw it; where there is such a thing. */
  readonly rate?: number;
}

/** One line of a workload: everything about it but the contestant. */
export interface Case {
  readonly name: string;
  readonly plan: Plan;
  /** Another case of the workload whose cost, for the same contestant, this one should keep. */
  readonly against?: string;
  /** Who takes part; all whom the workload has by default. */
  readonly contestants?: readonly ContestantName[];
  /** Part of the quick form. */
  readonly quick?: boolean;
  measure(run: Run): Promise<Measured>;
}

/** Cases that are shown in one table. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  /** What an operation is, and how it is made. */
  readonly about: string;
  readonly unit: "µs CPU" | "KiB" | "p99 with / without";
  /** Whose cost the others' is divided by; none when the cost is a ratio already. */
  readonly baselines: readonly ContestantName[];
  readonly contestants: readonly ContestantName[];
  readonly cases: readonly Case[];
}

/** Everybody but what is compared in some rows only. */
export const EVERYBODY = CONTESTANTS.filter(
  (name) => !["ours-silent", "ours-no-bufferutil", "floor"].includes(name),
);

/** A server and a client, both fresh, that one case is measured with. */
export class Run {
  readonly client: Child;
  readonly #server: Child;
  readonly #port: number;
  readonly #contestant: ContestantName;
  readonly #plan: Plan;
  readonly #quick: boolean;
  readonly #profile: string | undefined;

  /** @param options `quick`: a hundredth of the work; `profile`: a file for the server's profile */
  constructor(
    contestant: ContestantName,
    plan: Plan,
    server: Child,
    client: Child,
    port: number,
    options: { quick: boolean; profile?: string | undefined },
  ) {
    this.#contestant = contestant;
    this.#plan = plan;
    this.#server = server;
    this.client = client;
    this.#port = port;
    this.#quick = options.quick;
    this.#profile = options.profile;
  }

  /** A number of operations or connections, or a few of them in the quick form. */
  scaled(count: number): number {
    return this.#quick ? Math.max(Math.ceil(count / 100), Math.min(count, 16)) : count;
  }

  /** Where a role is played, for instance `/echo` or `/member/7`. */
  target(role: string): Target {
    const port = this.#port;
    return this.#contestant === "socket-io"
      ? { port, path: socketIoPath(role), dialect: "socket.io" }
      : { port, path: targetPrefix(this.#plan) + role, dialect: "raw" };
  }

  /** Connections of one role; `:index` is which one it is. */
  targets(role: string, count: number): Target[] {
    return Array.from({ length: count }, (_, index) =>
      this.target(role.replace(":index", String(index))),
    );
  }

  /** Measures the server's CPU time while the client does something. */
  async cost(operations: number, act: () => Promise<unknown>): Promise<Measured> {
    await this.client.call("stayAwake", true);
    if (this.#profile) await this.#server.call("startProfile");
    const before = await this.#server.call<number>("cpu");
    const startedAt = performance.now();
    await act();
    const ms = performance.now() - startedAt;
    const after = await this.#server.call<number>("cpu");
    if (this.#profile) await this.#server.call("stopProfile", this.#profile);
    await this.client.call("stayAwake", false);
    return { cost: (after - before) / operations, rate: (operations / ms) * 1000 };
  }

  /** Resolves when the server has dealt with the end of every connection. */
  async settled(): Promise<void> {
    await this.#server.call("settled");
  }

  /** The server's resident memory in bytes. */
  memory(): Promise<number> {
    return this.#server.call<number>("memory");
  }
}

function socketIoPath(role: string): string {
  const [, name, index = ""] = role.split("/");
  return `/socket.io/?EIO=4&transport=websocket&role=${name}&index=${index}`;
}
