import type { Browser, Page } from "playwright-core";
import type { AppProcess } from "../../../support/app-process.ts";
import { startProxy, type TcpProxy } from "../../../support/proxy.ts";
import {
  enterRoom,
  FAILED_ATTEMPT,
  isMember,
  type OpenWindow,
  seesState,
  withWindows,
} from "../../windows.ts";

let rooms = 0;

/** Two windows in a room of their own: Ann's has a network that can fail, Bob's has not. */
export class Pair {
  readonly ann: Page;
  readonly bob: Page;
  readonly room: string;
  /** What is between Ann's window and the server. */
  readonly network: TcpProxy;

  constructor(ann: Page, bob: Page, room: string, network: TcpProxy) {
    this.ann = ann;
    this.bob = bob;
    this.room = room;
    this.network = network;
  }

  /** Takes Ann's network away. */
  async goOffline(): Promise<void> {
    this.network.cut();
    await seesState(this.ann, "Connection lost");
  }

  /** Gives it back. */
  async comeBack(): Promise<void> {
    this.network.restore();
    await this.hurry(this.ann);
  }

  /** Reloads Ann's window once the network is back, and not after it has come back by itself. */
  async reloadOnline(): Promise<void> {
    const url = this.ann.url();
    await this.ann.goto("about:blank");
    this.network.restore();
    await this.ann.goto(url);
  }

  /** The waits are random; the browser's word that the network is back makes them short. */
  async hurry(page: Page): Promise<void> {
    await page.evaluate(`dispatchEvent(new Event("online"))`);
    await seesState(page, `Connected to /chat/${this.room}/`);
  }
}

/**
 * Runs `body` with a pair, whose windows and network are closed afterwards.
 *
 * @param clock whether the time of Ann's window is the test's
 */
export async function withPair(
  app: AppProcess,
  browser: Browser,
  body: (pair: Pair) => Promise<void>,
  { clock = false } = {},
): Promise<void> {
  await using network = await startProxy(app.port);
  rooms += 1;
  const room = `fox${rooms}`;
  await withWindows(
    browser,
    async (open) => {
      const bob = await enterRoom(open, app.url, "bob", { room });
      const ann = clock
        ? await openWithClock(open, `${network.url}#room/${room}`)
        : await enterRoom(open, network.url, "ann", { room });
      await body(new Pair(ann, bob, room, network));
    },
    { expected: FAILED_ATTEMPT },
  );
}

async function openWithClock(open: OpenWindow, url: string): Promise<Page> {
  const page = await open("about:blank", { clientId: "ann" });
  await page.clock.install();
  await page.goto(url);
  await isMember(page, "ann");
  return page;
}
