import type { IncomingMessage } from "node:http";
import type Koa from "koa";
import { WebSocket } from "ws";
import { createLog } from "../observe/log.ts";
import { type ServeOptions, type Serving, serve } from "../server/serve.ts";
import { Leftovers } from "./leftovers.ts";
import { HandshakeRefused } from "./refused.ts";
import { TestSocket } from "./socket.ts";

/** Options of {@link TestClient.start}: all of `serve`'s, on a free port and with a silent log. */
export interface StartOptions extends Omit<ServeOptions, "socket"> {
  /** Whether `close` fails when the app leaves a timer or socket behind. Default true. */
  leftovers?: boolean;
}

/** Options of {@link TestClient.connect}. */
export interface ConnectOptions {
  /** Request headers. */
  headers?: Record<string, string>;
  /** Subprotocols to offer, in order of preference. */
  protocols?: string[];
  /** Whether to offer permessage-deflate, for routes with `compression`. Default false. */
  compression?: boolean;
  /** How long the handshake may take, in milliseconds. Default 10,000. */
  timeoutMs?: number;
}

/** How long nothing may end of the handlers, timers and sockets that are left at the close. */
const SETTLE_MS = 1_000;
const POLL_MS = 5;
/** How many leftovers an error names: a test may have thousands of connections. */
const MOST_NAMED = 20;
/** Long, for a machine that is busy: only a test that fails waits for it. */
const HANDSHAKE_MS = 10_000;
const FETCH_MS = 10_000;

/**
 * Runs an app with its mounts and lifespans on a free port, and talks to it as a client. Leaving
 * the scope closes everything, and throws when a handler, a timer or a socket is left behind.
 *
 * ```ts
 * test("echo answers", async () => {
 *   await using client = await TestClient.start(echo);
 *   const socket = await client.connect("/");
 *   socket.send("hi");
 *   assert.equal(await socket.receive(), "Message text was: hi");
 * });
 * ```
 */
export class TestClient implements AsyncDisposable {
  /** The app's URL, with a final slash. */
  readonly url: string;
  /** The running server, for anything that this class does not offer. */
  readonly serving: Serving;
  readonly #sockets = new Set<TestSocket>();
  readonly #leftovers: Leftovers | undefined;
  readonly #app: Koa;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(app: Koa, serving: Serving, leftovers: Leftovers | undefined) {
    this.#app = app;
    app.on("error", this.#onError);
    this.serving = serving;
    this.url = serving.url;
    this.#leftovers = leftovers;
  }

  /**
   * Starts an app on a free port.
   *
   * @throws what `serve` throws, for example when a lifespan fails
   */
  static async start(app: Koa, options: StartOptions = {}): Promise<TestClient> {
    const { leftovers: wanted = true, ...serving } = options;
    const leftovers = wanted ? Leftovers.watch() : undefined;
    // Taken now, while the stack has the test's line.
    const made = new Error();
    const log = options.log ?? createLog({ level: "silent" });
    try {
      const served = await serve(app, { port: 0, graceSeconds: 2, ...serving, log });
      const client = new TestClient(app, served, leftovers);
      Leftovers.opened(client, made);
      return client;
    } catch (error) {
      if (leftovers?.release()) leftovers.stop();
      throw error;
    }
  }

  readonly #onError = (error: Error): void => {
    this.#failure = error;
  };

  /**
   * Calls `fetch` with a path of this app. Does not follow redirects, and does not keep the
   * connection. Without a `signal` it gives up after 10,000 ms.
   */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Connection", "close");
    const signal = AbortSignal.timeout(FETCH_MS);
    return fetch(new URL(path, this.url), { redirect: "manual", signal, ...init, headers });
  }

  /**
   * Opens a WebSocket.
   *
   * @param path a path of this app, with or without a query
   * @throws HandshakeRefused with status, headers and body when the server answers in plain HTTP
   */
  connect(path: string, options: ConnectOptions = {}): Promise<TestSocket> {
    const url = this.url.replace(/^http/, "ws").replace(/\/$/, "") + path;
    const ws = new WebSocket(url, options.protocols ?? [], {
      headers: options.headers ?? {},
      handshakeTimeout: options.timeoutMs ?? HANDSHAKE_MS,
      perMessageDeflate: options.compression ?? false,
      rejectUnauthorized: false,
    });
    return new Promise((resolve, reject) => {
      let socket: TestSocket | undefined;
      // In the same tick as the 101, so that a message in the same packet is not lost.
      ws.once("upgrade", (response) =>
        ws.once("open", () => {
          socket = new TestSocket(ws, path, response.headers, () => this.#failure);
          this.#sockets.add(socket);
          ws.once("close", () => this.#sockets.delete(socket as TestSocket));
          resolve(socket);
        }),
      );
      ws.once("unexpected-response", (_request, response) => {
        refusal(path, response).then((refused) => {
          refused.cause = this.#failure;
          reject(refused);
        }, reject);
      });
      ws.on("error", reject);
    });
  }

  /**
   * Closes every connection and the app.
   *
   * @throws Error that lists the handlers, timers and sockets left behind
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    Leftovers.closed(this);
    return this.#closing;
  }

  /** See {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.ws.close();
    const { live } = this.serving.upgrades;
    await settled(() => {
      // The client has gone, so no answer would reach it.
      for (const { connection } of live) connection.hurry();
      return live.size;
    });
    const left = [...live].map(({ path }) => `handler of ${path}`);
    await this.serving.close();
    this.#app.off("error", this.#onError);
    left.push(...(await this.#leftBehind()));
    if (left.length > 0) {
      const more = left.length > MOST_NAMED ? `; and ${left.length - MOST_NAMED} more` : "";
      const named = left.slice(0, MOST_NAMED).join("; ");
      throw new Error(`expected nothing left behind, but got: ${named}${more}`);
    }
  }

  async #leftBehind(): Promise<string[]> {
    const leftovers = this.#leftovers;
    if (!leftovers?.release()) return [];
    await settled(() => leftovers.list().length);
    const left = leftovers.list();
    leftovers.stop();
    return left;
  }
}

async function refusal(path: string, response: IncomingMessage): Promise<HandshakeRefused> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headersDistinct)) {
    for (const each of value ?? []) headers.append(name, each);
  }
  return new HandshakeRefused(
    path,
    response.statusCode ?? 0,
    headers,
    Buffer.concat(chunks).toString(),
  );
}

// However many there are: it waits as long as they grow fewer, which has an end.
async function settled(left: () => number): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let deadline = 0;
  for (let count = left(); count > 0; count = left()) {
    const now = performance.now();
    if (count < least) deadline = now + SETTLE_MS;
    else if (now >= deadline) return;
    least = Math.min(least, count);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
