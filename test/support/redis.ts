import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "redis";

/** A connection of a test's own, beside those of a broker. */
export type SideClient = ReturnType<typeof sideClient>;

const START_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** A Redis server of the test's own, on a Unix socket in a directory of its own. */
export class RedisServer implements AsyncDisposable {
  readonly directory: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(directory: string, args: readonly string[]) {
    this.directory = directory;
    this.#args = args;
  }

  /** @param args settings as `redis-server` takes them: `--appendonly`, `yes` … */
  static async start(...args: string[]): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), "koa-subapps-redis-"));
    const server = new RedisServer(directory, args);
    try {
      await server.up();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Where it listens. */
  get socket(): string {
    return join(this.directory, "redis.sock");
  }

  /** What a broker is given. */
  get url(): string {
    return `redis+unix:${this.socket}`;
  }

  /** Its process id, while it runs. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, on the data that it has. */
  async up(): Promise<void> {
    const settings = [
      ...["--port", "0", "--unixsocket", this.socket, "--dir", this.directory],
      ...["--save", "", "--loglevel", "warning", "--maxmemory-policy", "noeviction"],
      ...this.#args,
    ];
    const program = process.env.REDIS_SERVER ?? "/usr/bin/redis-server";
    this.#child = spawn(program, settings, { stdio: "ignore" });
    this.#child.on("error", () => {});
    // A test file that fails may end this process without a chance to dispose of anything.
    process.once("exit", this.#kill);
    await this.#answers();
  }

  /** Connects to it; the caller calls `destroy`. */
  async connect(): Promise<SideClient> {
    const client = sideClient(this.socket);
    // It may outlive the server, and must not end the test then.
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Ends it with a signal. */
  async down(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    process.removeListener("exit", this.#kill);
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGCONT");
    await this.down();
    await rm(this.directory, { recursive: true, force: true });
  }

  readonly #kill = (): void => {
    this.#child?.kill("SIGKILL");
  };

  async #answers(): Promise<void> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (await pings(this.socket)) return;
      if (performance.now() > deadline) {
        throw new Error(`expected Redis to answer within ${START_MS} ms, but it does not`);
      }
      await pause(LOOK_EVERY_MS);
    }
  }
}

function sideClient(path: string) {
  return createClient({ socket: { path, tls: false, reconnectStrategy: false } });
}

function pings(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (data) => {
      socket.destroy();
      // A server that is still loading its data says so instead.
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
    });
    socket.on("error", () => resolve(false));
  });
}
