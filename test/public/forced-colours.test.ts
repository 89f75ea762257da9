import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator } from "playwright-core";
import { browsedApp } from "../support/browsed.ts";
import { choose, puppetFile } from "./views/tasks/task-list.ts";
import { startTasks } from "./views/tasks/task-server.ts";
import { FAILED_ATTEMPT, type OpenWindow, seesState, withWindows } from "./windows.ts";

/** What one sees without a colour: the lines, shapes and weights of an element. */
const FORM = [
  "borderTopWidth",
  "borderTopStyle",
  "borderTopLeftRadius",
  "clipPath",
  "textDecorationLine",
  "fontWeight",
] as const;

const [app, browser] = await browsedApp();

for (const width of [1280, 390]) {
  test(`the current tab and each state of a connection have a form of their own at ${width} pixels`, async () => {
    const body = async (open: OpenWindow) => {
      const page = await open("about:blank", {
        viewport: { width, height: 700 },
        forcedColors: "active",
        reducedMotion: "reduce",
      });
      await page.routeWebSocket(/\/tasks\/$/, (socket) => socket.close({ code: 1008 }));
      await page.routeWebSocket(/\/chat\//, () => new Promise(() => {}));
      await page.goto(app.url);
      await seesState(page, "Connected to /ws/");
      const tabs = page.locator("#tabs a");
      assert.notEqual(await formOf(tabs.nth(0).locator(".title")), await formOf(tabs.nth(1)));
      const dot = (state: string) => page.locator(`#tabs [data-state=${state}] .dot`).first();
      const idle = await look(dot("idle"));
      await page.locator("#tabs a", { hasText: "Tasks" }).click();
      await dot("closed").waitFor();
      await page.locator("#tabs a", { hasText: "Room" }).click();
      await dot("connecting").waitFor();
      const looks = [idle, await look(dot("open")), await look(dot("closed"))];
      looks.push(await look(dot("connecting")));
      const [forms, images] = [looks.map(({ form }) => form), looks.map(({ image }) => image)];
      assert.equal(new Set(forms).size, forms.length, forms.join("\n"));
      assert.equal(new Set(images).size, images.length, "they look different, too");
      const line = page.locator("#state .dot");
      assert.equal((await look(line)).form, forms[3], "the line of the state has the same forms");
    };
    await withWindows(browser, body, { expected: FAILED_ATTEMPT });
  });
}

test("how far a task is can be seen where grounds are not painted", async () => {
  const serving = await startTasks();
  try {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await open(`${serving.url}#tasks`, { forcedColors: "active" });
      await choose(page, it.file);
      await it.puppet.ready;
      const images = new Set<string>();
      for (const progress of [0.2, 0.8]) {
        it.puppet.do({ progress });
        await page.getByText(`Counting ${progress * 100}%`).waitFor();
        images.add((await page.locator(".task progress").screenshot()).toString("base64"));
      }
      assert.equal(images.size, 2);
    });
  } finally {
    await serving.close();
  }
});

async function look(element: Locator): Promise<{ form: string; image: string }> {
  const image = (await element.screenshot()).toString("base64");
  return { form: await formOf(element), image };
}

function formOf(element: Locator): Promise<string> {
  return element.evaluate((it, names) => {
    const style = it.ownerDocument.defaultView?.getComputedStyle(it);
    return names.map((name) => `${name}: ${style?.[name]}`).join(", ");
  }, FORM);
}
