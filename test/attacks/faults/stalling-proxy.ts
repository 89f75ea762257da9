import { once } from "node:events";
import net from "node:net";

/**
 * A TCP proxy whose packets can vanish: from then on it reads nothing from either side and closes
 * nothing, as a network does when a client goes out of its reach.
 */
export class StallingProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** @param url the server behind it */
  static async to(url: string): Promise<StallingProxy> {
    const { hostname: host, port } = new URL(url);
    const server = net.createServer({ allowHalfOpen: true });
    const proxy = new StallingProxy(server);
    server.on("connection", (near) => {
      const far = net.connect({ host, port: Number(port), allowHalfOpen: true });
      proxy.#sockets.add(near).add(far);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on("error", () => {});
        from.on("data", (chunk) => void to.write(chunk));
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  /** Where it listens, with a final slash, for a WebSocket. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}/`;
  }

  /** Lets every packet vanish from now on. */
  stall(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
