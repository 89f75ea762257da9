import { type Address, placeOf, withoutPassword } from "./address.ts";
import { type Client, CONNECT_MS, createClient } from "./client.ts";

/** How often a connection is asked for a sign of life, and how long the answer may take. */
const PING_MS = 1_000;
const PONG_MS = 2_000;

/**
 * One connection to one Redis process, which the line never outlives: a connection that has broken
 * is thrown away, and the next one is another line. So a call on a line always reaches the process
 * whose run id the line knows, and the call's fence holds.
 */
export class Line {
  readonly client: Client;
  /** The server's `run_id`: another one after each of its starts. */
  readonly run: string;
  /** Whether what the server acknowledged survives its restart, and it was never a replica. */
  readonly durable: boolean;
  #timer: NodeJS.Timeout | undefined;
  #onEnd: (() => void) | undefined;
  #ended = false;

  private constructor(client: Client, { run, durable }: Greeting) {
    this.client = client;
    this.run = run;
    this.durable = durable;
    client.on("end", () => this.close());
    client.on("error", () => this.close());
    this.#watch();
  }

  /**
   * Opens a connection.
   *
   * @throws Error when the server does not answer within two seconds, or refuses; without the
   *   password
   */
  static async open(address: Address): Promise<Line> {
    const client = createClient(address);
    // An error before the line listens: `connect` rejects with it.
    client.on("error", ignore);
    try {
      return new Line(client, await answered(CONNECT_MS, greet(client)));
    } catch (error) {
      client.destroy();
      throw hiding(error, address);
    }
  }

  /** Whether the connection has broken. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Called once when the connection has broken; at once if it has. */
  set onEnd(listener: () => void) {
    if (this.#ended) listener();
    else this.#onEnd = listener;
  }

  /** Ends the connection, if it has not broken: what it has not answered is rejected. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    if (this.client.isOpen) this.client.destroy();
    this.#onEnd?.();
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      answered(PONG_MS, this.client.sendCommand(["PING"])).then(
        () => this.#ended || this.#watch(),
        () => this.close(),
      );
    }, PING_MS).unref();
  }
}

/** What a line knows of its server. */
interface Greeting {
  readonly run: string;
  readonly durable: boolean;
}

async function greet(client: Client): Promise<Greeting> {
  await client.connect();
  const [server, replication, settings] = await Promise.all([
    client.sendCommand<string>(["INFO", "server"]),
    client.sendCommand<string>(["INFO", "replication"]),
    // A user without this right has a server of which nothing is known to survive.
    client.configGet(["appendonly", "appendfsync"]).catch(() => ({}) as Record<string, string>),
  ]);
  const run = /^run_id:(\w+)/m.exec(String(server))?.[1];
  if (!run) throw new Error("expected INFO of Redis to have a run_id, but it has none");
  // A replica that was promoted has the id of its earlier master here, and may lack its last writes.
  const wasReplica = !/^master_replid2:0+\r?$/m.test(String(replication));
  const { appendonly, appendfsync } = settings;
  return { run, durable: appendonly === "yes" && appendfsync === "always" && !wasReplica };
}

// A new error, because the old one's stack and cause have the text too.
function hiding(error: unknown, address: Address): Error {
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  return new Error(
    `expected Redis at ${placeOf(address)} to accept a connection, but: ${withoutPassword(text, address)}`,
  );
}

async function answered<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis has not answered within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}
