import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../support/browsed.ts";
import { startProxy, type TcpProxy } from "../../support/proxy.ts";
import { until } from "../../support/within.ts";
import { message, openPlayedRoom } from "../views/chat/played-room.ts";
import {
  FAILED,
  isMember,
  type OpenWindow,
  seesMessages,
  seesState,
  seesTalk,
  send,
  withWindows,
} from "../windows.ts";

/** What the page says while it does not know. */
const SILENT = "The server does not answer. Waiting a little before connecting anew.";

let proxy: TcpProxy;

const [app, browser] = await browsedApp();

beforeEach(async () => {
  proxy = await startProxy(app.port);
});

afterEach(async () => {
  await proxy?.close();
});

describe("a network that swallows everything", () => {
  for (const [view, hash, place] of [
    ["the room", "#room/quiet", /^Connected to \/chat\/quiet\//],
    ["the tasks", "#tasks", "Connected to /tasks/"],
  ] as const) {
    test(`is noticed in ${view} by who writes nothing`, async () => {
      await withWindows(browser, (open) => readsOn(open, hash, place), { expected: FAILED });
    });
  }

  test("is noticed at once by who comes back to the window, or whose network is back", async () => {
    for (const event of ["visibilitychange", "online", "resume", "pageshow"]) {
      await withWindows(
        browser,
        async (open) => {
          const page = await openAt(open, "#room/quiet");
          await seesState(page, /^Connected/);
          proxy.stall();
          await page.evaluate(`{
            const event = new Event("${event}", { bubbles: true });
            if (event.type === "pageshow") event.persisted = true;
            (event.type === "online" || event.type === "pageshow" ? window : document).dispatchEvent(event);
          }`);
          await page.clock.runFor(5_000);
          await seesState(page, "Connection lost");
          proxy.cut();
          proxy.restore();
        },
        { expected: FAILED },
      );
    }
  });

  test("is noticed by the echo, which answers no questions, when a text has no answer", async () => {
    await withWindows(
      browser,
      async (open) => {
        const page = await openAt(open, "");
        await seesState(page, "Connected to /ws/");
        proxy.stall();
        await send(page, "hello?");
        await page.clock.runFor(3_000);
        await seesState(page, SILENT);
        await page.clock.runFor(7_000);
        await seesState(page, "Connection lost");
        await page.locator("[data-state=failed]", { hasText: "hello?" }).waitFor();
        proxy.cut();
        proxy.restore();
        await page.evaluate(`dispatchEvent(new Event("online"))`);
        await seesState(page, "Connected to /ws/");
        await page.getByRole("button", { name: "Retry" }).click();
        await seesMessages(page, ["Message text was: hello?"]);
      },
      { expected: FAILED },
    );
  });
});

describe("a quiet server", () => {
  test("is asked for a sign of life every fifteen seconds, and stays connected", async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets, pings } = await openPlayedRoom(open, app.url, { clock: true });
      for (let count = 1; count <= 4; count++) {
        await page.clock.runFor(15_000);
        await until(() => pings() === count, `${count} questions`);
      }
      await page.clock.runFor(14_000);
      await seesState(page, /^Connected/);
      assert.equal(sockets.length, 1);
      sockets[0]?.send(message(1, "bob", "still here"));
      await seesTalk(page, ["bob: still here"]);
    });
  });

  test("that speaks is not asked, for all that comes is a sign of life", async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets, pings } = await openPlayedRoom(open, app.url, {
        clock: true,
        answers: false,
      });
      const texts: string[] = [];
      for (let offset = 1; offset <= 6; offset++) {
        await page.clock.runFor(8_000);
        sockets[0]?.send(message(offset, "bob", `number ${offset}`));
        texts.push(`bob: number ${offset}`);
        await seesTalk(page, texts);
      }
      assert.equal(pings(), 0);
      assert.equal(sockets.length, 1);
    });
  });

  test("that answers late is said to be silent meanwhile, and then no more", async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openPlayedRoom(open, app.url, {
        clock: true,
        answers: false,
      });
      await page.clock.runFor(18_000);
      await seesState(page, SILENT);
      assert.equal(await page.locator("#state").getAttribute("data-state"), "silent");
      sockets[0]?.send('{"type":"pong"}');
      await seesState(page, /^Connected/);
      assert.equal(sockets.length, 1);
    });
  });

  test("costs a page its connection only at the second deadline, if the first was late", async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets, pings } = await openPlayedRoom(open, app.url, {
        clock: true,
        answers: false,
      });
      await page.clock.runFor(15_000);
      await until(() => pings() === 1, "a question");
      // As in a page that was frozen: all timers are late, and nothing that came was read.
      await page.clock.fastForward(60_000);
      await until(() => pings() >= 2, "another question");
      assert.equal(sockets.length, 1);
      await page.clock.runFor(11_000);
      await until(() => sockets.length === 2, "another connection");
    });
  });
});

test("a browser that is offline says so at once, and what still answers is not given up", async () => {
  await withWindows(
    browser,
    async (open) => {
      const page = await openAt(open, "#room/quiet");
      await seesState(page, /^Connected/);
      proxy.stall();
      await page.evaluate(OFFLINE);
      await seesState(page, "This browser is offline. Nothing new can come.");
      assert.equal(await page.locator("#state").getAttribute("data-state"), "offline");
      await page.getByRole("link", { name: "Room Offline" }).waitFor();
      await page.clock.runFor(5_000);
      await seesState(page, "This browser is offline. Reconnecting by itself.");
      proxy.cut();
      proxy.restore();
      await page.evaluate(ONLINE);
      await seesState(page, /^Connected/);

      await page.evaluate(OFFLINE);
      await seesState(page, /^This browser is offline\. The server at \/chat\/quiet\/.* answers/);
      await page.evaluate(ONLINE);
      await seesState(page, /^Connected/);
    },
    { expected: FAILED },
  );
});

const OFFLINE = `{
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  dispatchEvent(new Event("offline"));
}`;
const ONLINE = `{
  Object.defineProperty(navigator, "onLine", { value: true, configurable: true });
  dispatchEvent(new Event("online"));
}`;

/** A window that only reads, behind a network that begins to swallow everything. */
async function readsOn(open: OpenWindow, hash: string, place: string | RegExp): Promise<void> {
  const page = await openAt(open, hash);
  await seesState(page, place);
  if (hash !== "#tasks") await isMember(page, await page.locator("#clientId").inputValue());
  proxy.stall();
  await page.clock.runFor(18_000);
  await seesState(page, SILENT);
  await page.clock.runFor(7_000);
  await seesState(page, "Connection lost");
  proxy.cut();
  proxy.restore();
  await page.evaluate(`dispatchEvent(new Event("online"))`);
  await seesState(page, place);
}

/** A window behind the proxy whose time can be moved on. */
async function openAt(open: OpenWindow, hash: string): Promise<Page> {
  const page = await open("about:blank");
  await page.clock.install();
  await page.goto(proxy.url + hash);
  return page;
}
