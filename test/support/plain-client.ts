import { WebSocket } from "ws";

const WAIT_MS = 10_000;

/** A WebSocket client without the project's own code. Every wait has a deadline. */
export class PlainClient implements AsyncDisposable {
  headers: Record<string, unknown> = {};
  readonly #ws: WebSocket;
  readonly #messages: string[] = [];
  #changed = () => {};

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (data) => {
      this.#messages.push(data.toString());
      this.#changed();
    });
  }

  static connect(url: string, path: string): Promise<PlainClient> {
    const address = url.replace(/^http/, "ws").replace(path ? /\/$/ : /$^/, "") + path;
    const ws = new WebSocket(address, { handshakeTimeout: WAIT_MS });
    const client = new PlainClient(ws);
    ws.once("upgrade", (response) => {
      client.headers = response.headers;
    });
    return new Promise((resolve, reject) => {
      ws.once("open", () => resolve(client));
      ws.on("error", reject);
    });
  }

  send(text: string): void {
    this.#ws.send(text);
  }

  async receive(): Promise<string> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    deadline.addEventListener("abort", () => this.#changed());
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (deadline.aborted) throw new Error(`expected a message within ${WAIT_MS} ms`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#ws.once("close", resolve));
    if (this.#ws.readyState === WebSocket.CLOSED) return;
    this.#ws.close();
    await closed;
  }
}
