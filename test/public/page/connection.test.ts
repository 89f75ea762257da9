import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page, WebSocketRoute } from "playwright-core";
import { type AppProcess, startApp } from "../../support/app-process.ts";
import { browsedApp } from "../../support/browsed.ts";
import {
  FAILED_ATTEMPT,
  type OpenWindow,
  seesMessages,
  seesState,
  send,
  withWindows,
} from "../windows.ts";

const [app, browser] = await browsedApp();

test("after an interruption the page comes back by itself, and loses nothing that was typed", async () => {
  const body = async (open: OpenWindow) => {
    const first = await startApp();
    let second: AppProcess | undefined;
    try {
      const page = await open(first.url);
      await seesState(page, "Connected to /ws/");
      await send(page, "before");
      await seesMessages(page, ["Message text was: before"]);

      await first.kill();
      await seesState(page, "Connection lost. Reconnecting by itself.");
      await send(page, "meanwhile");
      await page.getByText("Your message stays here").waitFor();
      assert.equal(await page.locator("#messageText").inputValue(), "meanwhile");
      assert.equal(await page.locator("#send").getAttribute("aria-disabled"), "true");

      second = await startApp({ port: first.port });
      await seesState(page, "Connected to /ws/");
      assert.equal(await page.locator("#messageText").inputValue(), "meanwhile");
      assert.equal(await page.locator("#hint").textContent(), "");
      await page.locator("#messageText").press("Enter");
      await seesMessages(page, ["Message text was: before", "Message text was: meanwhile"]);
    } finally {
      await first.kill();
      await second?.kill();
    }
  };
  await withWindows(browser, body, { expected: FAILED_ATTEMPT });
});

for (const code of [1001, 1011, 1012]) {
  test(`after close code ${code} the page comes back`, async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openWithServer(open);
      await sockets[0]?.close({ code });
      await seesState(page, "Reconnecting by itself");
      await page.clock.runFor(500);
      await seesState(page, "Connected to /ws/");
      assert.equal(sockets.length, 2);
    });
  });
}

test("after close code 1013 the page comes back too, but later", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    await sockets[0]?.close({ code: 1013 });
    await seesState(page, "Reconnecting by itself");
    await page.clock.runFor(4999);
    assert.equal(sockets.length, 1);
    await page.clock.runFor(501);
    await seesState(page, "Connected to /ws/");
    assert.equal(sockets.length, 2);
  });
});

for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4000]) {
  test(`after close code ${code} the page stays away until it is told to connect`, async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openWithServer(open);
      await sockets[0]?.close({ code, reason: "because" });
      await seesState(page, /: because$/);
      await page.clock.runFor(120_000);
      await page.evaluate(`dispatchEvent(new Event("online"))`);
      assert.equal(sockets.length, 1);

      await page.getByRole("button", { name: "Connect again" }).click();
      await page.clock.runFor(0);
      await seesState(page, "Connected to /ws/");
      assert.equal(sockets.length, 2);
    });
  });
}

test("the waits double up to a ceiling, each drawn from the whole range below it", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    const waits = await page.evaluate(async (module) => {
      const { Backoff } = await import(module);
      const backoff = new Backoff();
      Math.random = () => 0.5;
      const growing = Array.from({ length: 7 }, () => backoff.next());
      backoff.reset();
      Math.random = () => 0;
      return [...growing, backoff.next()];
    }, `${app.url}page/backoff.js`);
    assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 7500, 7500, 0]);
  });
});

test("connections that break soon after they were accepted come back ever more slowly", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    await page.evaluate("void (Math.random = () => 1)");
    const breaksAndWaits = async (ms: number) => {
      const before = sockets.length;
      await sockets.at(-1)?.close({ code: 1011 });
      await seesState(page, "Reconnecting by itself");
      await page.clock.runFor(ms - 1);
      assert.equal(sockets.length, before, `came back before ${ms} ms`);
      await page.clock.runFor(1);
      await seesState(page, "Connected to /ws/");
      assert.equal(sockets.length, before + 1);
    };
    for (const ms of [500, 1000, 2000, 4000]) await breaksAndWaits(ms);
    await page.clock.runFor(5000);
    await breaksAndWaits(500);
  });
});

test("the browser's word that the network is back brings the next attempt forward", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    await page.evaluate("void (Math.random = () => 1)");
    await sockets[0]?.close({ code: 1012 });
    await seesState(page, "Reconnecting by itself");
    assert.equal(sockets.length, 1);
    await page.evaluate(`dispatchEvent(new Event("online"))`);
    await page.clock.runFor(0);
    await seesState(page, "Connected to /ws/");
    assert.equal(sockets.length, 2);
  });
});

test("a flood leaves the newest five hundred messages, in order", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    await page.clock.resume();
    for (let index = 0; index < 1200; index++) sockets[0]?.send(`number ${index}`);
    await seesMessages(
      page,
      Array.from({ length: 500 }, (_, index) => `number ${index + 700}`),
    );
  });
});

test("someone who reads older messages is not pulled away from them", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openWithServer(open);
    await page.clock.resume();
    const log = page.locator("#log");
    const distance = () => log.evaluate((it) => it.scrollHeight - it.scrollTop - it.clientHeight);
    for (let index = 0; index < 100; index++) sockets[0]?.send(`number ${index}`);
    await page.getByText("number 99").waitFor();
    assert.ok((await distance()) < 2);

    await log.evaluate(
      (it) =>
        new Promise((resolve) => {
          it.addEventListener("scroll", resolve, { once: true });
          it.scrollTo(0, 0);
        }),
    );
    sockets[0]?.send("number 100");
    await page.getByRole("button", { name: "Newest messages" }).click();
    assert.ok((await distance()) < 2);
    await page.getByRole("button", { name: "Newest messages" }).waitFor({ state: "hidden" });
  });
});

test("a page that came over https connects over wss, to its own host", async () => {
  await withWindows(browser, async (open) => {
    const page = await open("about:blank");
    await page.route("https://chat.test/**", async (route) => {
      const { pathname } = new URL(route.request().url());
      await route.fulfill({ response: await route.fetch({ url: app.url + pathname.slice(1) }) });
    });
    const addresses: string[] = [];
    await page.routeWebSocket(/./, (socket) => {
      addresses.push(socket.url());
    });
    await page.goto("https://chat.test/");
    await seesState(page, "Connected to /ws/");
    assert.deepEqual(addresses, ["wss://chat.test/ws/"]);
  });
});

/**
 * A page whose echo is played by the test, with its connections so far in `sockets`. Its time stands
 * still but for `clock.runFor`.
 */
async function openWithServer(
  open: OpenWindow,
): Promise<{ page: Page; sockets: WebSocketRoute[] }> {
  const page = await open("about:blank");
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket(/\/ws\/$/, (socket) => {
    sockets.push(socket);
  });
  await page.clock.install({ time: 0 });
  await page.clock.pauseAt(60_000);
  await page.goto(app.url);
  await page.clock.runFor(0);
  await seesState(page, "Connected to /ws/");
  return { page, sockets };
}
