import { createClient } from "redis";

/** How a connection to Redis is made. */
export interface LineOptions {
  /** `redis(s)://user:password@host:port`, or `redis+unix:` followed by a path. */
  readonly url: string;
  /** Certificates of the authority that signed the server's, in PEM. */
  readonly ca?: string | undefined;
}

/** How long a connection may take until it can be used, in milliseconds. */
const CONNECT_MS = 2_000;
/** How often a connection is asked whether it lives, and how long the answer may take. */
const PING_MS = 1_000;
const PONG_MS = 2_000;

type Client = ReturnType<typeof clientOf>;

/**
 * One connection to one Redis process, which it never outlives: a connection that has broken is
 * thrown away, and the next one is another line. So a call on a line always reaches the process
 * whose run id the line knows, and the call's fence holds.
 */
export class Line {
  readonly client: Client;
  /** The server's `run_id`: another one after each of its starts. */
  readonly run: string;
  /** Whether what the server acknowledged survives its restart, and its role was never another's. */
  readonly durable: boolean;
  #timer: NodeJS.Timeout | undefined;
  #onEnd: (() => void) | undefined;
  #ended = false;

  private constructor(client: Client, run: string, durable: boolean) {
    this.client = client;
    this.run = run;
    this.durable = durable;
    client.on("end", () => this.#end());
    client.on("error", () => this.#end());
    this.#watch();
  }

  /**
   * Opens a connection.
   *
   * @throws Error when the server does not answer within two seconds, or refuses
   */
  static async open(options: LineOptions): Promise<Line> {
    const client = clientOf(options);
    // An error before the line listens: `connect` rejects with it.
    client.on("error", ignore);
    try {
      return await within(CONNECT_MS, greet(client));
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  /** @internal */
  static of(client: Client, run: string, durable: boolean): Line {
    return new Line(client, run, durable);
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

  /** Ends the connection: what it has not answered is rejected. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    if (this.client.isOpen) this.client.destroy();
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      within(PONG_MS, this.client.sendCommand(["PING"])).then(
        () => this.#ended || this.#watch(),
        () => this.#end(),
      );
    }, PING_MS).unref();
  }

  #end(): void {
    if (this.#ended) return;
    this.close();
    this.#onEnd?.();
  }
}

function clientOf({ url, ca }: LineOptions) {
  const path = /^redis\+unix:(.+)$/.exec(url)?.[1];
  const base = { reconnectStrategy: false, connectTimeout: CONNECT_MS } as const;
  const socket = path ? { ...base, path, tls: false as const } : { ...base, ...(ca && { ca }) };
  return createClient({
    ...(path ? {} : { url }),
    socket: socket as typeof base,
    disableOfflineQueue: true,
    RESP: 3,
  });
}

async function greet(client: Client): Promise<Line> {
  await client.connect();
  const [server, replication, settings] = await Promise.all([
    client.sendCommand<string>(["INFO", "server"]),
    client.sendCommand<string>(["INFO", "replication"]),
    client.configGet(["appendonly", "appendfsync"]).catch(() => ({}) as Record<string, string>),
  ]);
  const run = /^run_id:(\w+)/m.exec(String(server))?.[1];
  if (!run) throw new Error("expected INFO of Redis to have a run_id, but it has none");
  // A replica that was promoted has the id of its earlier master here, and may lack its last writes.
  const wasReplica = !/^master_replid2:0+\r?$/m.test(String(replication));
  const { appendonly, appendfsync } = settings;
  const durable = appendonly === "yes" && appendfsync === "always" && !wasReplica;
  return Line.of(client, run, durable);
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected Redis to answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}
