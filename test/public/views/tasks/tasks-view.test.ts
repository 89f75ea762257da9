import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { ownFolder } from "../../../apps/tasks/support/folder.ts";
import { browsed } from "../../../support/browsed.ts";
import { FAILED, withWindows } from "../../windows.ts";
import { choose, openTasks, puppetFile, resultOf, rowOf, seesTask, textFile } from "./task-list.ts";
import { cancelAll, startTasks } from "./task-server.ts";

ownFolder();

const [serving, browser] = await browsed(startTasks, (started) => started.close());

afterEach(() => cancelAll(serving));

describe("the view of tasks", () => {
  test("shows names and words of others as text, which does not run", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile(`<img src=x onerror="document.title='owned'">.txt`);
      const page = await openTasks(open, serving.url);
      await choose(page, it.file);
      await it.puppet.ready;
      const evil = "<img src=x onerror=\"document.title='owned'\">";
      it.puppet.do({ progress: 0.5, note: evil });
      await page.getByText(`Counting 50% · ${evil}`).waitFor();
      const top = [{ word: `<script>${evil}</script>`, count: 1 }];
      it.puppet.do({ succeed: { lines: 1, words: 1, bytes: 1, top } });
      await seesTask(page, it.file.name, "Done");
      assert.equal(await page.locator("tbody th").textContent(), top[0]?.word);
      assert.equal(await page.locator("#taskView :is(img, script)").count(), 0);
      assert.equal(await page.title(), "Tasks · koa-subapps");
    });
  });

  test("works from the keyboard, with a visible focus that is never lost", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      const chooser = page.waitForEvent("filechooser");
      const focus = page.locator(":focus");
      assert.equal(await focus.getAttribute("id"), "choose", "one can choose at once");
      await page.keyboard.press("Enter");
      await (await chooser).setFiles([it.file]);
      await it.puppet.ready;
      await choose(page, textFile("other.txt"));
      await seesTask(page, "other.txt", "Queued at the server");
      for (const name of ["Cancel: other.txt", "Cancel: poem.txt"]) {
        await page.keyboard.press("Tab");
        assert.equal(await focus.getAttribute("aria-label"), name);
        assert.equal(
          await focus.evaluate((element) =>
            /solid 3px/.test(
              element.ownerDocument.defaultView?.getComputedStyle(element).outline ?? "",
            ),
          ),
          true,
        );
      }
      await page.keyboard.press("Shift+Tab");
      await page.keyboard.press("Space");
      await seesTask(page, "other.txt", "Cancelled");
      const isOn = async (label: string) =>
        assert.equal(await focus.getAttribute("aria-label"), label);
      await isOn("Try again: other.txt");
      it.puppet.do({ succeed: resultOf(100) });
      await seesTask(page, "poem.txt", "Done");
      for (const label of ["Remove: other.txt", "Remove: poem.txt"]) {
        await page.keyboard.press("Tab");
        await isOn(label);
      }
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      await isOn("The 100 most frequent words");
      await page.keyboard.press("End");
      await page.locator("tbody tr:last-child").waitFor();
      await page.keyboard.press("Shift+Tab");
      await page.keyboard.press("Space");
      await rowOf(page, "poem.txt").locator(".result:not([open])").waitFor();
      for (let presses = 0; presses < 2; presses++) await page.keyboard.press("Shift+Tab");
      await isOn("Remove: other.txt");
      await page.keyboard.press("Enter");
      await isOn("Remove: poem.txt");
      await page.keyboard.press("Enter");
      assert.equal(await focus.getAttribute("id"), "choose");
    });
  });

  test("counts the ends that nobody sees, and leaves the other views as they are", async () => {
    await withWindows(
      browser,
      async (open) => {
        using it = puppetFile("poem.txt");
        const page = await openTasks(open, serving.url);
        await choose(page, it.file);
        await it.puppet.ready;
        await page.getByRole("link", { name: /^Room/ }).click();
        await page.locator("#messageText").waitFor();
        assert.equal(await page.locator("#taskView").isVisible(), false);
        it.puppet.do({ succeed: resultOf(1) });
        await page.getByRole("link", { name: /^Tasks.*1 new/ }).waitFor();
        assert.match(await page.title(), /^\(1\) Room /);
        await page.getByRole("link", { name: /^Tasks/ }).click();
        await seesTask(page, "poem.txt", "Done");
        assert.equal(await page.title(), "Tasks · koa-subapps");
        assert.equal(
          await page.locator("#log, #composer, #side").filter({ visible: true }).count(),
          0,
        );
      },
      { expected: FAILED },
    );
  });

  test("says what to do with a folder, lets no view open what is dropped, and leaves dragged text alone", async () => {
    await withWindows(
      browser,
      async (open) => {
        const page = await openTasks(open, serving.url);
        const marked = page.locator("#drop[data-over]");
        assert.equal(await drag(page, "dragover", { text: true }), false);
        assert.equal(await marked.count(), 0);
        assert.equal(await drag(page, "dragover", { folder: true }), true);
        assert.equal(await marked.count(), 1);
        assert.equal(await drag(page, "drop", { folder: true }), true);
        assert.equal(await marked.count(), 0);
        await page.getByText("A folder cannot be taken: choose the files in it.").waitFor();
        assert.equal(await page.locator(".task").count(), 0);
        await page.getByRole("link", { name: /^Echo/ }).click();
        await page.locator("#messageText").waitFor();
        for (const type of ["dragover", "drop"] as const) {
          assert.equal(await drag(page, type, { text: true }), false);
          assert.equal(await drag(page, type, { folder: true }), true, "it would be opened");
        }
        await page.getByRole("link", { name: /^Tasks/ }).click();
        assert.equal(await marked.count(), 0);
        assert.equal(await page.locator(".task").count(), 0);
      },
      { expected: FAILED },
    );
  });

  test("scrolls its list, and the page stays where it is", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url, { viewport: { width: 375, height: 640 } });
      const names = Array.from({ length: 8 }, (_, i) => `${i}.txt`);
      await choose(page, ...names.map((name) => textFile(name, "a few words")));
      for (const name of names) await seesTask(page, name, "Done");
      const [list, whole] = await page
        .locator("#taskView")
        .evaluate((section) =>
          [section, section.ownerDocument.documentElement].map(
            ({ scrollHeight, clientHeight }) => scrollHeight - clientHeight,
          ),
        );
      assert.ok((list ?? 0) > 0, "there is something to scroll");
      assert.equal(whole, 0);
    });
  });

  for (const width of [320, 375]) {
    test(`needs no sideways scrolling in a window ${width} pixels wide`, async () => {
      await withWindows(browser, async (open) => {
        const long = `${"w".repeat(200)}.txt`;
        const page = await openTasks(open, serving.url, { viewport: { width, height: 640 } });
        await choose(page, textFile(long, `${"long".repeat(5_000)} ${"word ".repeat(1_234_567)}`));
        await seesTask(page, long, "Done");
        const overflow = await page.locator("#taskView").evaluate((section) => {
          const edges = [...section.querySelectorAll("*")]
            .filter((element) => element.closest("svg svg, .unseen") === null)
            .map((element) => element.getBoundingClientRect().right);
          return Math.max(
            section.scrollWidth - section.clientWidth,
            Math.max(...edges) - section.getBoundingClientRect().right,
            ...[...section.querySelectorAll(".table")].map((it) => it.scrollWidth - it.clientWidth),
          );
        });
        assert.ok(overflow <= 0, `${overflow}`);
      });
    });
  }
});

/** Drags over the page what no script can make; says whether the page took it. */
function drag(
  page: Page,
  type: "dragover" | "drop",
  what: { text?: true; folder?: true },
): Promise<boolean> {
  return page.evaluate<boolean>(
    `(() => {
      const folder = { kind: "file", webkitGetAsEntry: () => ({ isDirectory: true }) };
      const dataTransfer = ${what.folder === true}
        ? { types: ["Files"], items: [folder] }
        : { types: ["text/plain"], items: [{ kind: "string" }] };
      const event = new Event("${type}", { bubbles: true, cancelable: true });
      event.dataTransfer = dataTransfer;
      document.body.dispatchEvent(event);
      return event.defaultPrevented;
    })()`,
  );
}
