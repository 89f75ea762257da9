import type { TestContext } from "node:test";
import { App, type Connection, Hub, type HubOptions, type JoinOptions } from "koa-subapps";
import { TestClient, type TestSocket } from "koa-subapps/testing";
import { until, within } from "./within.ts";

/** More than two turns of a fan-out whose every look at the clock says that it has lasted enough. */
export const MEMBERS = 70;

/** One member of a {@link Crowd}: both ends, and what the client has been sent. */
export interface Listening {
  readonly client: TestSocket;
  readonly connection: Connection;
  readonly heard: string[];
}

/** How a handler ends. */
type Ending = () => void;

/** A topic `t` with so many members that what is published takes several turns to reach them. */
export class Crowd implements AsyncDisposable {
  readonly hub: Hub;
  readonly test: TestClient;
  readonly members: Listening[] = [];
  readonly app: App;
  readonly #endings: Map<Connection, (ending: Ending) => void>;

  private constructor(
    hub: Hub,
    app: App,
    client: TestClient,
    endings: Map<Connection, (ending: Ending) => void>,
  ) {
    this.hub = hub;
    this.app = app;
    this.test = client;
    this.#endings = endings;
  }

  /**
   * Opens the connections, one after the other, and has them join.
   *
   * @param join options for each, by its number
   */
  static async gather(
    options: HubOptions = {},
    join: (number: number) => JoinOptions = () => ({}),
    size = MEMBERS,
  ): Promise<Crowd> {
    const endings = new Map<Connection, (ending: Ending) => void>();
    const app = new App().websocket("/", async (socket) => {
      const ending = new Promise<Ending>((resolve) => endings.set(socket, resolve));
      (await ending)();
    });
    const crowd = new Crowd(new Hub(options), app, await TestClient.start(app), endings);
    for (let number = 0; number < size; number++) await crowd.#add(join(number));
    return crowd;
  }

  async #add(options: JoinOptions): Promise<void> {
    const client = await this.test.connect("/");
    const heard: string[] = [];
    client.ws.on("message", (data) => heard.push(String(data)));
    await until(() => this.#endings.size > this.members.length, "the handler to run");
    const connection = [...this.#endings.keys()].at(-1) as Connection;
    this.members.push({ client, connection, heard });
    await this.hub.join("t", connection, options);
  }

  /** Ends a member's handler. */
  end(connection: Connection, ending: Ending = () => {}): void {
    this.#endings.get(connection)?.(ending);
  }

  /** What each member has been sent when its connection has been closed, and the code. */
  async ends(): Promise<unknown[][]> {
    const codes = this.members.map(({ client }) => client.closed({ timeoutMs: 20_000 }));
    const closed = await within(Promise.all(codes), "all to be closed", 20_000);
    return this.members.map(({ heard }, i) => [...heard, closed[i]?.code]);
  }

  /** What each member has been sent, up to a message for which a test must make sure. */
  async heard(last: string): Promise<string[][]> {
    const all = () => this.members.every(({ heard }) => heard.includes(last));
    await until(all, `everybody to be sent ${last}`, 20_000);
    return this.members.map(({ heard }) => [...heard]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, connection } of this.members) {
      client.terminate();
      this.end(connection);
    }
    await this.test.close();
  }
}

/**
 * Runs something in which every look at the clock says that a turn has lasted long enough: what is
 * published there has reached 32 members when it returns.
 */
export function inShortTurns<T>(t: TestContext, run: () => T): T {
  let now = performance.now();
  const clock = t.mock.method(performance, "now", () => {
    now += 10;
    return now;
  });
  try {
    return run();
  } finally {
    clock.mock.restore();
  }
}

/** As often as there are members. */
export const each = <T>(value: T): T[] => Array<T>(MEMBERS).fill(value);
