import assert from "node:assert/strict";
import { test } from "node:test";
import type { WebSocketRoute } from "playwright-core";
import { browsedApp } from "../../support/browsed.ts";
import { message, openPlayedRoom } from "../views/chat/played-room.ts";
import { isMember, seesState, seesTalk, withWindows } from "../windows.ts";

const [app, browser] = await browsedApp();

const SAID = {
  "en-US": ["The server speaks a newer version than this page.", "Reload"],
  "zh-TW": ["伺服器的版本比這個頁面新。", "重新載入"],
} as const;

for (const [locale, [line, button]] of Object.entries(SAID)) {
  test(`a room whose server speaks a newer protocol offers to reload, in ${locale}`, async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openPlayedRoom(open, app.url, {}, { locale });
      sockets[0]?.send(message(1, "bob", "old"));
      await seesTalk(page, ["bob: old"]);
      const reload = page.getByRole("button", { name: button, exact: true });
      assert.equal(await reload.count(), 0);

      sockets[0]?.send(JSON.stringify({ type: "reaction", offset: 1, from: "bob" }));
      await page.locator("#outdated", { hasText: line }).waitFor();
      // What both know goes on.
      sockets[0]?.send(message(2, "bob", "still here"));
      await seesTalk(page, ["bob: old", "bob: still here"]);

      await Promise.all([page.waitForEvent("load"), reload.click()]);
      await isMember(page, "me");
      assert.equal(await page.locator("#outdated").textContent(), "");
      assert.equal(await reload.count(), 0);
    });
  });
}

test("what is no message of any protocol does not pass for a newer one", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openPlayedRoom(open, app.url);
    const broken = ["no JSON", "null", "[]", "{}", '{"type":1}', '{"type":"ack","id":7}'];
    for (const text of [...broken, '{"type":"pong"}', message(1, "bob", "hello")]) {
      sockets[0]?.send(text);
    }
    await seesTalk(page, ["bob: hello"]);
    assert.equal(await page.locator("#outdated").textContent(), "");
    assert.equal(await page.locator("#reload").isVisible(), false);
  });
});

test("the line changes its language with the page", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openPlayedRoom(open, app.url, {}, { locale: "en-US" });
    sockets[0]?.send('{"type":"reaction"}');
    await page.locator("#outdated", { hasText: SAID["en-US"][0] }).waitFor();
    await page.locator("#language").click();
    await page.locator("#outdated", { hasText: SAID["zh-TW"][0] }).waitFor();
    assert.equal(await page.locator("#reload").textContent(), SAID["zh-TW"][1]);
  });
});

test("the tasks offer to reload as well", async () => {
  await withWindows(browser, async (open) => {
    const page = await open("about:blank");
    const sockets: WebSocketRoute[] = [];
    await page.routeWebSocket(/\/tasks\/$/, (socket) => void sockets.push(socket));
    await page.goto(`${app.url}#tasks`);
    await seesState(page, "Connected to /tasks/");
    sockets[0]?.send('{"type":"pong"}');
    sockets[0]?.send('{"id":"another","status":"running"}');
    // Seen after what came before it.
    await sockets[0]?.close({ code: 1008, reason: "over" });
    await seesState(page, /: over$/);
    assert.equal(await page.locator("#outdated").textContent(), "");
    await page.getByRole("button", { name: "Connect again" }).click();
    await seesState(page, "Connected to /tasks/");
    sockets[1]?.send('{"type":"queue","length":3}');
    await page.locator("#outdated", { hasText: SAID["en-US"][0] }).waitFor();
    assert.equal(await page.locator("#reload").isVisible(), true);
  });
});
