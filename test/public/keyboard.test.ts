import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../support/browsed.ts";
import { message, openPlayedRoom } from "./views/chat/played-room.ts";
import { choose, seesTask, textFile } from "./views/tasks/task-list.ts";
import { FAILED_REQUEST, type OpenWindow, seesState, send, withWindows } from "./windows.ts";

const [app, browser] = await browsedApp();

for (const width of [1280, 390]) {
  const options = { viewport: { width, height: 800 }, reducedMotion: "reduce" } as const;

  test(`Tab comes to all that can be pressed or scrolled in a room, visibly, at ${width} pixels`, async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openPlayedRoom(open, app.url, {}, options);
      sockets[0]?.send(message(1, "ann", "see http://localhost/fox"));
      await send(page, "will fail");
      await sockets[0]?.close({ code: 1008, reason: "enough" });
      await page.getByRole("button", { name: "Discard" }).waitFor();
      await page.locator("#settings").evaluate((panel) => panel.setAttribute("open", ""));
      const names = await tabThrough(page);
      for (const name of [
        "繁體中文",
        "Copy link",
        "Connect again",
        "New room",
        "Retry",
        "Discard",
      ]) {
        assert.ok(names.includes(name), `${name} in ${names.join(", ")}`);
      }
    });
  });

  test(`Tab comes to all that can be pressed or scrolled in the tasks, visibly, at ${width} pixels`, async () => {
    const body = async (open: OpenWindow) => {
      const page = await open(`${app.url}#tasks`, options);
      await seesState(page, "Connected to /tasks/");
      await choose(page, textFile("a.txt"), textFile("b.png", "\0", "image/png"));
      await seesTask(page, "a.txt", "Done");
      await seesTask(page, "b.png", /^Not uploaded/);
      const names = await tabThrough(page);
      for (const name of ["Choose files", "Remove: a.txt", "Remove all that have ended"]) {
        assert.ok(names.includes(name), `${name} in ${names.join(", ")}`);
      }
    };
    await withWindows(browser, body, { expected: FAILED_REQUEST });
  });
}

/** What can be pressed, written in or scrolled, in the order of the page. */
const REACHABLE = `[...document.querySelectorAll("a, button, input, summary, [tabindex]")]
  .filter((it) => it.checkVisibility() && it.getClientRects().length > 0)`;

/** Goes once round the page with Tab, and gives the names of what had the focus. */
async function tabThrough(page: Page): Promise<string[]> {
  await page.evaluate(`document.activeElement.blur(); document.querySelector("a").focus()`);
  const wanted = await page.evaluate<number>(`(globalThis.reachable = ${REACHABLE}).length`);
  const reached = new Map<number, string>();
  for (let presses = 0; presses < wanted + 5 && reached.size < wanted; presses++) {
    await page.keyboard.press("Tab");
    const { index, name, outline } = await page.evaluate<Stop>(`(() => {
      const it = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(it);
      const name = it.ariaLabel || it.textContent.trim();
      return { index: reachable.indexOf(it), name, outline: outlineStyle + " " + outlineWidth };
    })()`);
    if (index < 0) continue;
    assert.equal(outline, "solid 3px", name);
    reached.set(index, name);
  }
  assert.equal(reached.size, wanted, [...reached.values()].join(", "));
  return [...reached.values()];
}

interface Stop {
  readonly index: number;
  readonly name: string;
  readonly outline: string;
}
