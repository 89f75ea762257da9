import { App, type Connection, type RouteOptions } from "koa-subapps";
import { type StartOptions, TestClient, type TestSocket } from "koa-subapps/testing";
import { within } from "./within.ts";

/** Both ends of one connection. */
export interface Pair {
  /** The client's end. */
  readonly client: TestSocket;
  /** The server's end. */
  readonly connection: Connection;
}

/** A served app that does nothing with its connections: a test has both ends of each in hand. */
export class Held implements AsyncDisposable {
  readonly test: TestClient;
  /** The errors of the app so far, as its `error` event told them. */
  readonly errors: Error[] = [];
  readonly #arrivals: ((connection: Connection) => void)[];

  private constructor(test: TestClient, arrivals: ((connection: Connection) => void)[]) {
    this.test = test;
    this.#arrivals = arrivals;
  }

  /**
   * Serves it at `/`, and mounted at `/mounted/`.
   *
   * @param options of its route
   */
  static async start(options: RouteOptions = {}, serving: StartOptions = {}): Promise<Held> {
    const arrivals: ((connection: Connection) => void)[] = [];
    const make = () =>
      new App().websocket("/", options, async (connection) => {
        arrivals.shift()?.(connection);
        await connection.closed;
      });
    const app = make().mount("/mounted", make());
    const held = new Held(await TestClient.start(app, serving), arrivals);
    app.on("error", (error: Error) => held.errors.push(error));
    return held;
  }

  /** Opens a connection. */
  async open(path = "/"): Promise<Pair> {
    const arrived = new Promise<Connection>((resolve) => this.#arrivals.push(resolve));
    const client = await this.test.connect(path);
    return { client, connection: await within(arrived, `a connection at ${path}`) };
  }

  /** Opens several, one after the other. */
  async openAll(count: number): Promise<Pair[]> {
    const pairs: Pair[] = [];
    for (let i = 0; i < count; i++) pairs.push(await this.open());
    return pairs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.test.close();
  }
}

/**
 * Takes what a client has been sent until one message, for which a test must make sure.
 *
 * @returns the messages before it
 */
export async function receiveUntil(client: TestSocket, last: string): Promise<string[]> {
  const received: string[] = [];
  for (;;) {
    const message = (await client.receive({ timeoutMs: 10_000 })).toString();
    if (message === last) return received;
    received.push(message);
  }
}
