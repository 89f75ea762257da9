import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { Serving } from "koa-subapps";
import type { Page } from "playwright-core";
import { ownFolder } from "../../../apps/tasks/support/folder.ts";
import { browsed } from "../../../support/browsed.ts";
import { startProxy } from "../../../support/proxy.ts";
import { until } from "../../../support/within.ts";
import {
  FAILED,
  FAILED_ATTEMPT,
  FAILED_REQUEST,
  type OpenWindow,
  seesState,
  withWindows,
} from "../../windows.ts";
import {
  choose,
  holdUploads,
  openTasks,
  press,
  puppetFile,
  resultOf,
  rowOf,
  seesResult,
  seesTask,
  textFile,
} from "./task-list.ts";
import { cancelAll, portOf, startTasks } from "./task-server.ts";

ownFolder();

/** How every image of that kind begins. */
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

const [serving, browser] = await browsed(startTasks, (started) => started.close());

afterEach(() => cancelAll(serving));

describe("what goes wrong", () => {
  test("with a file that is no text is said", async () => {
    await withWindows(
      browser,
      async (open) => {
        const page = await openTasks(open, serving.url);
        const photo = { ...textFile("photo.png", "", "image/png"), buffer: PNG };
        await choose(page, photo, {
          ...textFile("latin.txt"),
          buffer: Buffer.from([0x68, 0xe9, 0xe8]),
        });
        await seesTask(
          page,
          "photo.png",
          "Not uploaded. The server counts the words of texts, and this is image/png. Choose a text.",
        );
        await seesTask(page, "latin.txt", /^Failed: expected a text in UTF-8/);
        const again = rowOf(page, "photo.png").getByRole("button", { name: "Try again" });
        assert.equal(await again.isVisible(), false, "it would be refused again");
      },
      { expected: FAILED_REQUEST },
    );
  });

  test("with a file that is too large is said before it is sent, and when the server says so", async () => {
    const small = await startTasks({ maxInputBytes: 1_000_000 });
    try {
      await withWindows(
        browser,
        async (open) => {
          const page = await openTasks(open, small.url);
          await choose(page, textFile("over.txt", "x ".repeat(1_000_000)));
          await seesTask(
            page,
            "over.txt",
            /^Not uploaded. Too large: the server does not take 1.9 MiB/,
          );
          const sent: string[] = [];
          page.on("request", ({ url }) => sent.push(url()));
          await page.evaluate(`{
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(100 * 1024 * 1024 + 1)], "huge.txt"));
          const input = document.querySelector("#files");
          input.files = files.files;
          input.dispatchEvent(new Event("change"));
        }`);
          await seesTask(
            page,
            "huge.txt",
            /Too large: it has 100 MiB, and the server takes 100 MiB/,
          );
          assert.deepEqual(sent, []);
        },
        { expected: FAILED_REQUEST },
      );
    } finally {
      await small.close();
    }
  });

  test("with a server that is full is said, and trying again helps once it is not", async () => {
    const full = await startTasks({ maxWaiting: 0 });
    try {
      await withWindows(
        browser,
        async (open) => {
          using only = puppetFile("only.txt");
          const page = await openTasks(open, full.url);
          await choose(page, only.file);
          await only.puppet.ready;
          await choose(page, textFile("other.txt"));
          await seesTask(
            page,
            "other.txt",
            "Not uploaded. The server has as many tasks as it can hold. Try again in 5 seconds.",
          );
          only.puppet.do({ succeed: resultOf(1) });
          await seesTask(page, "only.txt", "Done");
          await press(page, "Try again", "other.txt");
          await seesTask(page, "other.txt", "Done");
        },
        { expected: FAILED_REQUEST },
      );
    } finally {
      await full.close();
    }
  });

  test("with a server that has no such task, or another answer, is said", async () => {
    await withWindows(
      browser,
      async (open) => {
        const page = await openTasks(open, serving.url);
        await page.route(/\/tasks\/wordcount$/, (route) => route.fulfill({ status: 404 }));
        await choose(page, textFile("a.txt"));
        await seesTask(page, "a.txt", /^Not uploaded. This server counts no words/);
        await page.route(/\/tasks\/wordcount$/, (route) =>
          route.fulfill({ status: 500, body: "Internal Server Error" }),
        );
        await choose(page, textFile("b.txt"));
        await seesTask(
          page,
          "b.txt",
          "Not uploaded. The server answered 500: Internal Server Error. Try again later.",
        );
      },
      { expected: FAILED_REQUEST },
    );
  });

  test("with the network during an upload is said, and trying again helps once it is back", async () => {
    await using proxy = await startProxy(portOf(serving));
    await withWindows(
      browser,
      async (open) => {
        const page = await openTasks(open, proxy.url);
        proxy.stall();
        await choose(page, textFile("large.txt", "x ".repeat(10_000_000)));
        await seesTask(page, "large.txt", /^Uploading/);
        proxy.cut();
        await seesTask(page, "large.txt", /^Not uploaded. The upload broke off/);
        await seesState(page, "Connection lost. Reconnecting by itself.");
        proxy.restore();
        await press(page, "Try again", "large.txt");
        await comesBack(page);
        await seesTask(page, "large.txt", "Done");
      },
      { expected: FAILED },
    );
  });

  test("with the network while a task runs costs nothing of what happens meanwhile", async () => {
    await using proxy = await startProxy(portOf(serving));
    await withWindows(
      browser,
      async (open) => {
        using ends = puppetFile("ends.txt");
        using waits = puppetFile("waits.txt");
        const page = await openTasks(open, proxy.url);
        await choose(page, ends.file);
        await ends.puppet.ready;
        await choose(page, waits.file);
        await seesTask(page, "waits.txt", "Queued at the server");
        proxy.cut();
        await seesState(page, "Connection lost. Reconnecting by itself.");
        ends.puppet.do({ succeed: resultOf(5) });
        await waits.puppet.ready;
        waits.puppet.do({ progress: 0.7 });
        proxy.restore();
        await comesBack(page);
        await seesTask(page, "ends.txt", "Done");
        await seesResult(page, "ends.txt", 5);
        await seesTask(page, "waits.txt", "Counting 70%");
        waits.puppet.do({ progress: 0.8 });
        await seesTask(page, "waits.txt", "Counting 80%");
        waits.puppet.do({ succeed: resultOf(1) });
        await seesTask(page, "waits.txt", "Done");
      },
      { expected: FAILED },
    );
  });

  test("with a stream that has fallen silent is found out, and another one is opened", async () => {
    const body = async (open: OpenWindow) => {
      using it = puppetFile("poem.txt");
      const page = await open("about:blank");
      let streams = 0;
      await page.routeWebSocket(/\/tasks\/$/, (socket) => {
        // The first says nothing, as one whose other end is gone.
        if (++streams > 1) socket.connectToServer();
      });
      await page.clock.install();
      await page.goto(`${serving.url}#tasks`);
      await seesState(page, "Connected to /tasks/");
      await choose(page, it.file);
      await it.puppet.ready;
      await seesTask(page, "poem.txt", /^(Queued|Counting)/);
      it.puppet.do({ progress: 0.5 });
      await timePasses(page, "poem.txt", "Counting 50%");
      await seesTask(page, "poem.txt", "Counting 50%");
      it.puppet.do({ succeed: resultOf(1) });
      await seesTask(page, "poem.txt", "Done");
      assert.ok(streams >= 2);
    };
    // The time that runs is also that of a handshake, which may be too late then.
    await withWindows(browser, body, { expected: FAILED_ATTEMPT });
  });

  test("with an answer that is overtaken by news changes nothing", async () => {
    await withWindows(browser, async (open) => {
      using it = puppetFile("poem.txt");
      const page = await openTasks(open, serving.url);
      const answers: (() => Promise<void>)[] = [];
      await page.route(/\/tasks\/[\w-]{22}$/, async (route) => {
        const response = await route.fetch();
        answers.push(() => route.fulfill({ response }));
      });
      await choose(page, it.file);
      await it.puppet.ready;
      await until(() => answers.length === 1, "a question about the task");
      it.puppet.do({ progress: 0.5 });
      await seesTask(page, "poem.txt", "Counting 50%");
      await page.evaluate(WATCH_STATUS);
      const answered = page.waitForResponse(/\/tasks\/[\w-]{22}$/);
      await answers[0]?.();
      await (await answered).finished();
      it.puppet.do({ progress: 0.6 });
      await seesTask(page, "poem.txt", "Counting 60%");
      assert.deepEqual(await page.evaluate("statusSeen"), ["Counting 60%"]);
    });
  });

  test("with an upload that does not get on is said, before all has gone and after", async () => {
    await using proxy = await startProxy(portOf(serving));
    await withWindows(
      browser,
      async (open) => {
        using it = puppetFile("poem.txt");
        const page = await open("about:blank");
        await page.clock.install();
        await page.goto(`${proxy.url}#tasks`);
        await seesState(page, "Connected to /tasks/");
        const large = textFile("large.txt", "x ".repeat(10_000_000));
        proxy.stall();
        await choose(page, large);
        await seesTask(page, "large.txt", /^Uploading/);
        await page.clock.fastForward(20_000);
        proxy.mute();
        await seesTask(page, "large.txt", "Uploaded, and not answered yet");
        await page.clock.fastForward(20_000);
        proxy.restore();
        await seesTask(page, "large.txt", "Done");

        proxy.stall();
        await choose(page, large);
        await timePasses(page, "large.txt", /Nothing has gone to the server for 30 s. Try again/);
        proxy.mute();
        await choose(page, it.file);
        await seesTask(page, "poem.txt", "Uploaded, and not answered yet");
        await timePasses(page, "poem.txt", /has not answered for 30 s. The task may have begun/);
      },
      { expected: FAILED },
    );
  });

  test("with a server that was restarted is said: it knows the task no more", async () => {
    const first = await startTasks();
    let second: Serving | undefined;
    try {
      await withWindows(
        browser,
        async (open) => {
          using it = puppetFile("poem.txt");
          const page = await openTasks(open, first.url);
          await choose(page, it.file);
          await it.puppet.ready;
          await seesTask(page, "poem.txt", "Counting 0%");
          await first.close();
          second = await startTasks({}, portOf(first));
          await page.evaluate(`dispatchEvent(new Event("online"))`);
          await seesTask(page, "poem.txt", /^The server does not know this task any more/);
          assert.equal(await page.getByRole("progressbar").count(), 0);
          await page.reload();
          await seesTask(page, "poem.txt", /^The server does not know this task any more/);
        },
        { expected: FAILED },
      );
    } finally {
      await second?.close();
      await first.close();
    }
  });

  test("when the page is left during an upload is said when it is back", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      await holdUploads(page);
      await choose(page, ...["1", "2", "3", "4"].map((name) => textFile(`${name}.txt`)));
      await seesTask(page, "4.txt", "Waits for its turn to upload");
      assert.equal(await asksBeforeItIsLeft(page), true);
      await page.reload();
      for (const name of ["1.txt", "4.txt"]) {
        await seesTask(
          page,
          name,
          /The page was left before the upload had ended. Choose the file/,
        );
      }
      assert.equal(await asksBeforeItIsLeft(page), false);
      await page.getByRole("button", { name: "Remove all that have ended" }).click();
      await page.reload();
      await page.getByText("Nothing yet.").waitFor();
    });
  });
});

/** Whether the browser would ask before it leaves the page. */
function asksBeforeItIsLeft(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(`!dispatchEvent(new Event("beforeunload", { cancelable: true }))`);
}

/** Has the page connect again at once. */
async function comesBack(page: Page): Promise<void> {
  await page.evaluate(`dispatchEvent(new Event("online"))`);
  await seesState(page, "Connected to /tasks/");
}

/** Lets the page's time run until the row of a file says how it is. */
async function timePasses(page: Page, name: string, status: string | RegExp): Promise<void> {
  const line = rowOf(page, name).locator(".status").filter({ hasText: status });
  await until(async () => {
    await page.clock.fastForward(10_000);
    return (await line.count()) === 1;
  }, `${name}: ${status}`);
}

/** Keeps in the page what the row says from now on. */
const WATCH_STATUS = `
  window.statusSeen = [];
  new MutationObserver(() => {
    statusSeen.push(document.querySelector(".status").textContent);
  }).observe(document.querySelector(".status"), { childList: true });
`;
