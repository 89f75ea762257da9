import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../../support/browsed.ts";
import { startProxy } from "../../../support/proxy.ts";
import { within } from "../../../support/within.ts";
import {
  enterRoom,
  FAILED_ATTEMPT,
  isMember,
  seesMessages,
  seesState,
  seesTalk,
  send,
  withWindows,
} from "../../windows.ts";

const [app, browser] = await browsedApp();

test("a draft stays in the room it was typed in, and is there after a reload", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "ann", { room: "fox" });
    await page.locator("#messageText").fill("to the fox alone");
    await enter(page, "hen");
    await holds(page, "");
    await page.locator("#messageText").fill("to the hen alone");
    await page.getByRole("link", { name: "Echo" }).click();
    await holds(page, "");
    await page.locator("#messageText").fill("to the echo");
    await page.reload();
    await holds(page, "to the echo");
    await page.goBack();
    await isMember(page, "ann");
    await holds(page, "to the hen alone");
    await page.goBack();
    await seesState(page, "Connected to /chat/fox/");
    await holds(page, "to the fox alone");
    await page.locator("#messageText").press("Enter");
    await seesTalk(page, ["me: to the fox alone (sent)"]);
    await page.reload();
    await isMember(page, "ann");
    await holds(page, "");
  });
});

test("a window with messages that are not sent yet asks before it closes, and another does not", async () => {
  await using proxy = await startProxy(app.port);
  await withWindows(
    browser,
    async (open) => {
      const page = await enterRoom(open, proxy.url, "ann", { room: "owl" });
      await send(page, "sent");
      await seesTalk(page, ["me: sent (sent)"]);
      assert.equal(await asksBeforeItIsLeft(page), false);
      proxy.cut();
      await seesState(page, "Connection lost");
      await send(page, "not sent");
      await seesTalk(page, ["me: sent (sent)", "me: not sent (sending)"]);
      assert.equal(await asksBeforeItIsLeft(page), true);
      // Also where it is in another room by then.
      await page.getByRole("textbox", { name: "Room" }).fill("hen");
      await page.getByRole("textbox", { name: "Room" }).press("Enter");
      await page.locator("#title", { hasText: "Room hen" }).waitFor();
      const dialog = page.waitForEvent("dialog");
      await page.close({ runBeforeUnload: true });
      const asked = await within(dialog, "a question before the window closes");
      assert.equal(asked.type(), "beforeunload");
      await asked.dismiss();
    },
    { expected: FAILED_ATTEMPT },
  );
});

test("a text that the echo has not answered is kept, and asks before the window closes", async () => {
  await withWindows(browser, async (open) => {
    const page = await open("about:blank");
    let connections = 0;
    await page.routeWebSocket(/\/ws\/$/, (socket) => {
      connections += 1;
      if (connections > 1) socket.connectToServer();
    });
    await page.clock.install();
    await page.goto(app.url);
    await seesState(page, "Connected to /ws/");
    await send(page, "into the void");
    await page.clock.runFor(3_500);
    await seesState(page, "The server does not answer");
    assert.equal(await page.locator("#messages .text").textContent(), "into the void");
    await page.clock.runFor(7_000);
    await page.locator("[data-state=failed]", { hasText: "into the void" }).waitFor();
    assert.equal(await asksBeforeItIsLeft(page), true);
    await seesState(page, "Connected to /ws/");
    await page.getByRole("button", { name: "Retry" }).click();
    await seesMessages(page, ["Message text was: into the void"]);
    assert.equal(await asksBeforeItIsLeft(page), false);
  });
});

async function enter(page: Page, room: string): Promise<void> {
  await page.getByRole("textbox", { name: "Room" }).fill(room);
  await page.getByRole("textbox", { name: "Room" }).press("Enter");
  await seesState(page, `Connected to /chat/${room}/`);
}

async function holds(page: Page, text: string): Promise<void> {
  assert.equal(await page.locator("#messageText").inputValue(), text);
}

/** Whether the page would ask its user before it is left. */
function asksBeforeItIsLeft(page: Page): Promise<boolean> {
  return page.evaluate(
    `!dispatchEvent(new Event("beforeunload", { cancelable: true }))`,
  ) as Promise<boolean>;
}
