import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { ownFolder } from "../../../apps/tasks/support/folder.ts";
import { Puppet } from "../../../apps/tasks/support/puppet.ts";
import { browsed } from "../../../support/browsed.ts";
import { startProxy } from "../../../support/proxy.ts";
import { until } from "../../../support/within.ts";
import { FAILED_REQUEST, seesState, withWindows } from "../../windows.ts";
import {
  choose,
  holdUploads,
  names,
  openTasks,
  type PuppetFile,
  press,
  puppetFile,
  resultOf,
  rowOf,
  seesResult,
  seesTask,
  type TextFile,
  textFile,
} from "./task-list.ts";
import { cancelAll, portOf, startTasks, statuses } from "./task-server.ts";

ownFolder();

const [serving, browser] = await browsed(startTasks, (started) => started.close());

afterEach(() => cancelAll(serving));

describe("a task on the page", () => {
  test("is uploaded, seen moving, and gives its result as a table and a bar chart", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      await page.getByText("Nothing yet.").waitFor();
      await choose(page, it.file);
      await it.puppet.ready;
      const bar = page.getByRole("progressbar", { name: "poem.txt" });
      for (const [done, shown] of [
        [0.25, "Counting 25%"],
        [0.5, "Counting 50%"],
        [0.999, "Counting 99%"],
      ] as const) {
        it.puppet.do({ progress: done });
        await seesTask(page, "poem.txt", shown);
        assert.equal(await bar.evaluate((element) => element.value), done);
      }
      it.puppet.do({ progress: 0.999, note: "nearly there" });
      await seesTask(page, "poem.txt", "Counting 99% · nearly there");

      it.puppet.do({ succeed: resultOf(100) });
      await seesTask(page, "poem.txt", "Done");
      assert.equal(await bar.count(), 0);
      await seesResult(page, "poem.txt", 100);
      assert.equal(await page.locator("#taskNews").textContent(), "poem.txt: 5,050 words");
    });
  });

  test("of a large text is counted as it is, and the bar is seen moving", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      const line = "Stille Wasser gründen tief, und tief ist der Brunnen der Vergangenheit.\n";
      const lines = 300_000;
      await page.evaluate(WATCH_BARS);
      await choose(page, textFile("brunnen.txt", line.repeat(lines)));
      await seesTask(page, "brunnen.txt", "Done");
      const seen = await page.evaluate<Record<string, number[]>>("barsSeen");
      for (const phase of ["uploading", "running"]) {
        const values = seen[phase] ?? [];
        const sorted = values.toSorted((a, b) => a - b);
        assert.deepEqual(values, sorted, phase);
      }
      assert.ok(new Set(seen.running).size >= 3, `${seen.running}`);
      const row = rowOf(page, "brunnen.txt");
      assert.deepEqual(await row.locator("dd").allTextContents(), [
        "300,000",
        "3,300,000",
        (lines * Buffer.byteLength(line)).toLocaleString("en"),
      ]);
      const words = await row.locator("tbody th").allTextContents();
      assert.deepEqual(words.slice(0, 2), ["der", "tief"]);
    });
  });

  test("has a bar for the upload that shows how much the network has taken", async () => {
    await using proxy = await startProxy(portOf(serving));
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, proxy.url);
      proxy.stall();
      await choose(page, textFile("large.txt", "some words ".repeat(2_500_000)));
      await seesTask(page, "large.txt", /^Uploading [1-9]\d?%$/);
      const bar = page.getByRole("progressbar", { name: "large.txt" });
      const part: number = await bar.evaluate((element) => element.value);
      assert.ok(part > 0 && part < 1, `${part}`);
      proxy.restore();
      await seesTask(page, "large.txt", "Done");
    });
  });

  test("goes on over a reload in the middle, and is there with its name and how far it is", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      await choose(page, it.file);
      await it.puppet.ready;
      it.puppet.do({ progress: 0.4 });
      await seesTask(page, "poem.txt", "Counting 40%");

      await page.reload();
      await seesTask(page, "poem.txt", "Counting 40%");
      it.puppet.do({ progress: 0.6 });
      await seesTask(page, "poem.txt", "Counting 60%");
      it.puppet.do({ succeed: resultOf(100) });
      await seesTask(page, "poem.txt", "Done");

      await page.reload();
      await seesTask(page, "poem.txt", "Done");
      await seesResult(page, "poem.txt", 100);
      assert.equal(await page.locator("#taskNews").textContent(), "", "it is no news");

      await press(page, "Remove", "poem.txt");
      await page.reload();
      await page.getByText("Nothing yet.").waitFor();
    });
  });

  test("that ends while the page is away is shown as it ended", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      await choose(page, it.file);
      await it.puppet.ready;
      // The page has the answer, and so an id to come back to.
      await seesTask(page, "poem.txt", /^(Queued|Counting)/);
      await page.goto("about:blank");
      it.puppet.do({ succeed: resultOf(3) });
      await page.goto(`${serving.url}#tasks`);
      await seesTask(page, "poem.txt", "Done");
      await seesResult(page, "poem.txt", 3);
    });
  });

  test("that fails says why, and can be tried again as long as its file is there", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      await choose(page, it.file);
      await it.puppet.ready;
      it.puppet.do({ fail: "expected a poem, but it does not rhyme" });
      await seesTask(page, "poem.txt", "Failed: expected a poem, but it does not rhyme");
      using again = puppetAgain(it);
      await press(page, "Try again", "poem.txt");
      await again.ready;
      await seesTask(page, "poem.txt", /^Counting/);
      it.puppet.do({ fail: "still no rhyme" });
      await seesTask(page, "poem.txt", "Failed: still no rhyme");

      await page.reload();
      await seesTask(page, "poem.txt", "Failed: still no rhyme");
      assert.equal(await page.getByRole("button", { name: /^Try again/ }).count(), 0);
      assert.equal(await page.locator(".task").count(), 1, "the first one was replaced");
    });
  });
});

describe("several files", () => {
  test("are taken at once, in their order, and each has a bar of its own", async () => {
    await withWindows(browser, async (open) => {
      using blocker = puppetFile("blocker.txt");
      const dropped = [puppetFile("first.txt"), puppetFile("second.txt")];
      const page = await openTasks(open, serving.url);
      await choose(page, blocker.file);
      await blocker.puppet.ready;
      await drop(
        page,
        dropped.map(({ file }) => file),
      );
      for (const { file } of dropped) await seesTask(page, file.name, "Queued at the server");
      const order = ["first.txt", "second.txt", "blocker.txt"];
      assert.deepEqual(await names(page), order);
      blocker.puppet.do({ progress: 0.3 });
      await seesTask(page, "blocker.txt", "Counting 30%");
      const bars = await page
        .getByRole("progressbar")
        .evaluateAll((all) => all.map((it) => it.value));
      assert.deepEqual(bars, [0, 0, 0.3]);
      blocker.puppet.do({ succeed: resultOf(1) });
      await Promise.all(
        dropped.map(async (it) => {
          await it.puppet.ready;
          it.puppet.do({ succeed: resultOf(2) });
          it[Symbol.dispose]();
        }),
      );
      for (const name of order) await seesTask(page, name, "Done");
      assert.equal(await page.locator(".result[open]").count(), 1, "one unfolds by itself");

      await page.reload();
      for (const name of order) await seesTask(page, name, "Done");
      assert.deepEqual(await names(page), order);
      await page.getByRole("button", { name: "Remove all that have ended" }).click();
      await page.getByText("Nothing yet.").waitFor();
    });
  });

  test("are uploaded three at a time, and those that wait say so", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      const held = await holdUploads(page);
      const files = ["1", "2", "3", "4", "5"].map((name) => textFile(`${name}.txt`));
      await choose(page, ...files);
      for (const name of ["1.txt", "2.txt", "3.txt"]) await seesTask(page, name, /^Upload/);
      for (const name of ["4.txt", "5.txt"]) {
        await seesTask(page, name, "Waits for its turn to upload");
      }
      await held.release(1);
      await seesTask(page, "4.txt", /^Upload/);
      await seesTask(page, "5.txt", "Waits for its turn to upload");
      await press(page, "Cancel", "5.txt");
      await seesTask(page, "5.txt", "Cancelled");
      await held.release(3);
      for (const name of ["1.txt", "2.txt", "3.txt", "4.txt"]) await seesTask(page, name, "Done");
      assert.equal(held.count, 4, "what was cancelled was never sent");
    });
  });

  test("beyond fifty that have not ended are refused, and ended ones make room", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      await choose(page, textFile("ended.txt"));
      await seesTask(page, "ended.txt", "Done");
      await holdUploads(page);
      await choose(page, ...Array.from({ length: 60 }, (_, n) => textFile(`${n}.txt`)));
      await page.getByText("50 of 60 files were taken: 50 tasks at once is the most.").waitFor();
      await page.locator(".task").nth(49).waitFor();
      assert.equal(await page.locator(".task").count(), 50);
      assert.equal(await rowOf(page, "ended.txt").count(), 0);
      await choose(page, textFile("more.txt"));
      await page.getByText("0 of 1 files were taken").waitFor();
    });
  });
});

describe("cancelling", () => {
  test("ends a task that runs and one that is queued", async () => {
    await withWindows(browser, async (open) => {
      using running = puppetFile("running.txt");
      using queued = puppetFile("queued.txt");
      const page = await openTasks(open, serving.url);
      await choose(page, running.file);
      await running.puppet.ready;
      await choose(page, queued.file);
      await seesTask(page, "queued.txt", "Queued at the server");
      await press(page, "Cancel", "queued.txt");
      await seesTask(page, "queued.txt", "Cancelled");
      running.puppet.do({ spin: true });
      await press(page, "Cancel", "running.txt");
      await seesTask(page, "running.txt", "Cancelled");
      assert.deepEqual((await statuses(serving)).slice(0, 2), ["cancelled", "cancelled"]);
      await page.reload();
      await seesTask(page, "running.txt", "Cancelled");
    });
  });

  test("breaks an upload off, and leaves no task", async () => {
    await using proxy = await startProxy(portOf(serving));
    const before = (await statuses(serving)).length;
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, proxy.url);
      proxy.stall();
      await choose(page, textFile("large.txt", "x".repeat(30_000_000)));
      await seesTask(page, "large.txt", /^Uploading/);
      await press(page, "Cancel", "large.txt");
      await seesTask(page, "large.txt", "Cancelled");
      proxy.restore();
      await press(page, "Try again", "large.txt");
      await seesTask(page, "large.txt", /^Failed: expected words of at most/);
      assert.equal((await statuses(serving)).length, before + 1);
    });
  });

  test("waits for the server's answer when all has gone, and reaches the task then", async () => {
    await using proxy = await startProxy(portOf(serving));
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, proxy.url);
      proxy.mute();
      await choose(page, it.file);
      await it.puppet.ready;
      await seesTask(page, "poem.txt", "Uploaded, and not answered yet");
      await press(page, "Cancel", "poem.txt");
      await seesTask(page, "poem.txt", "Cancelling");
      proxy.restore();
      await seesTask(page, "poem.txt", "Cancelled");
      assert.equal((await statuses(serving))[0], "cancelled");
    });
  });

  test("that comes after the end shows the end", async () => {
    await withWindows(
      browser,
      async (open) => {
        using it = puppetFile("poem.txt");
        const page = await openTasks(open, serving.url);
        // A stream that says nothing, so that the page does not know of the end.
        await page.routeWebSocket(/\/tasks\/$/, () => {});
        await page.reload();
        await seesState(page, "Connected to /tasks/");
        const asked = page.waitForResponse(/\/tasks\/[\w-]{22}$/);
        await choose(page, it.file);
        await it.puppet.ready;
        const response = await asked;
        await response.finished();
        it.puppet.do({ succeed: resultOf(1) });
        // The worker ends in its own time, and a cancellation before that is one in time.
        await until(() => isOver(response.url()), "the end of the task");
        await press(page, "Cancel", "poem.txt");
        await seesTask(page, "poem.txt", "Done");
      },
      { expected: FAILED_REQUEST },
    );
  });

  test("that does not reach the server says so, and can be asked for again", async () => {
    await withWindows(
      browser,
      async (open) => {
        using it = puppetFile("poem.txt");
        const page = await openTasks(open, serving.url);
        await choose(page, it.file);
        await it.puppet.ready;
        await seesTask(page, "poem.txt", "Counting 0%");
        await page.route(/\/tasks\/./, (route) => route.abort());
        await press(page, "Cancel", "poem.txt");
        await seesTask(page, "poem.txt", /It could not be cancelled: the server cannot be reached/);
        await page.unrouteAll();
        await press(page, "Cancel", "poem.txt");
        await seesTask(page, "poem.txt", "Cancelled");
      },
      { expected: FAILED_REQUEST },
    );
  });
});

/** Keeps in the page which values the bars had, by what the task did. */
const WATCH_BARS = `
  window.barsSeen = {};
  new MutationObserver(() => {
    for (const row of document.querySelectorAll(".task")) {
      const seen = (barsSeen[row.dataset.status] ??= []);
      const { value } = row.querySelector("progress");
      if (seen.at(-1) !== value) seen.push(value);
    }
  }).observe(document.querySelector("#taskList"), { subtree: true, attributes: true, childList: true });
`;

/** The next time that a worker begins the same text. */
function puppetAgain({ puppet }: PuppetFile): Puppet {
  return new Puppet(puppet.name);
}

/** Drops files on the page, as the system does. */
async function drop(page: Page, files: TextFile[]): Promise<void> {
  const texts = files.map(({ name, buffer }) => [name, buffer.toString()]);
  await page.evaluate(
    `{
      const dataTransfer = new DataTransfer();
      for (const [name, text] of ${JSON.stringify(texts)}) {
        dataTransfer.items.add(new File([text], name, { type: "text/plain" }));
      }
      const options = { dataTransfer, bubbles: true, cancelable: true };
      document.querySelector("#drop").dispatchEvent(new DragEvent("drop", options));
    }`,
  );
}

async function isOver(url: string): Promise<boolean> {
  const { status } = (await (await fetch(url)).json()) as { status: string };
  return status === "succeeded";
}
