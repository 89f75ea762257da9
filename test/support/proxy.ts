import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy in front of a server, for a network that fails when a test wants it to. */
export interface TcpProxy extends AsyncDisposable {
  /** Where it listens, with a slash at the end. */
  readonly url: string;
  /** Breaks all connections, and every new one at once, until `restore`. */
  cut(): void;
  /** Holds back what the server says, while what clients say still reaches it, until `cut`. */
  mute(): void;
  /** Holds back everything in both directions; connections stay open. Until `cut` or `restore`. */
  stall(): void;
  /** Lets connections through again. */
  restore(): void;
  close(): Promise<void>;
}

/** Starts a proxy on the loopback address, to a port or a Unix socket of the same machine. */
export async function startProxy(to: number | string): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket }>();
  let state: "open" | "cut" | "muted" | "stalled" = "open";

  const server = createServer((client) => {
    if (state === "cut") {
      client.resetAndDestroy();
      return;
    }
    const pair = { client, upstream: upstreamOf(to) };
    const { upstream } = pair;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => client.write(data));
    hold();
  });

  const hold = () => {
    for (const { client, upstream } of pairs) {
      if (state === "muted" || state === "stalled") upstream.pause();
      else upstream.resume();
      if (state === "stalled") client.pause();
      else client.resume();
    }
  };
  const change = (next: typeof state) => {
    state = next;
    hold();
  };
  const cut = () => {
    change("cut");
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy();
      // A Unix socket knows no reset.
      if (typeof to === "string") upstream.destroy();
      else upstream.resetAndDestroy();
    }
  };

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  const close = async () => {
    server.close();
    cut();
    await once(server, "close");
  };
  return {
    url: `http://127.0.0.1:${own}/`,
    cut,
    mute: () => change("muted"),
    stall: () => change("stalled"),
    restore: () => change("open"),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function upstreamOf(to: number | string): Socket {
  return typeof to === "string" ? connect(to) : connect(to, "127.0.0.1");
}
