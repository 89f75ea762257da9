import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { type AppProcess, startApp } from "../support/app-process.ts";
import { launchBrowser } from "../support/browser.ts";
import { startProxy } from "../support/proxy.ts";
import { choose, openTasks, puppetFile, seesTask, textFile } from "./views/tasks/task-list.ts";
import { startTasks } from "./views/tasks/task-server.ts";
import {
  enterRoom,
  FAILED_ATTEMPT,
  FAILED_REQUEST,
  type OpenWindow,
  seesMembers,
  seesMessages,
  seesState,
  seesTalk,
  send,
  type WindowOptions,
  withWindows,
} from "./windows.ts";

const DIRECTORY = fileURLToPath(new URL("../screenshots/", import.meta.url));

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 640 };

const LOOKS = {
  "wide-light": { viewport: WIDE, colorScheme: "light" },
  "wide-dark": { viewport: WIDE, colorScheme: "dark" },
  "narrow-light": { viewport: NARROW, colorScheme: "light" },
  "narrow-dark": { viewport: NARROW, colorScheme: "dark" },
} satisfies Record<string, BrowserContextOptions>;

const POEM = `The quick brown fox jumps over the lazy dog, and the dog sleeps on.
Of a Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft
the fox knows nothing, nor does the dog; the dog dreams of the river.
`;

let app: AppProcess;
let browser: Browser;

before(async () => {
  await mkdir(DIRECTORY, { recursive: true });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

beforeEach(async () => {
  app = await startApp();
});

afterEach(async () => {
  await app?.kill();
});

for (const [name, options] of Object.entries(LOOKS)) {
  test(`the page can be looked at: ${name}`, async () => {
    await withWindows(browser, async (open) => {
      // Without motion, a picture never catches a message half way in.
      const page = await open(app.url, { ...options, reducedMotion: "reduce", clientId: "me" });
      await seesState(page, "Connected to /ws/");
      await send(page, "Hello, server");
      await seesMessages(page, ["Message text was: Hello, server"]);
      await shoot(page, `echo-${name}`);

      const ann = await enterRoom(open, app.url, "ann");
      await send(ann, "Is anybody here?");
      await page.goto(`${app.url}#room/fox`);
      await seesTalk(page, ["ann: Is anybody here?"]);
      await send(page, "Yes, two windows away. This one is a little longer, to see how it wraps.");
      await send(ann, "<b>Good</b> to know");
      await seesTalk(page, [
        "ann: Is anybody here?",
        "me: Yes, two windows away. This one is a little longer, to see how it wraps. (sent)",
        "ann: <b>Good</b> to know",
      ]);
      await seesMembers(page, ["ann", "me"]);
      await shoot(page, `room-${name}`);
    });
  });
}

for (const [name, options] of Object.entries(LOOKS)) {
  test(`the tasks can be looked at: ${name}`, async () => {
    const serving = await startTasks();
    const body = async (open: OpenWindow) => {
      using running = puppetFile("War and Peace.txt", 3_359_652);
      const page = await openTasks(open, serving.url, { ...options, reducedMotion: "reduce" });
      await shoot(page, `tasks-none-${name}`);
      await choose(page, textFile("The Fox.txt", POEM.repeat(800)));
      await seesTask(page, "The Fox.txt", "Done");
      await choose(page, textFile("holiday.png", "\x89PNG\r\n\x1a\n\0\0\0", "image/png"));
      await seesTask(page, "holiday.png", /^Not uploaded/);
      await choose(page, running.file);
      await running.puppet.ready;
      running.puppet.do({ progress: 0.62 });
      await seesTask(page, "War and Peace.txt", "Counting 62%");
      await choose(page, textFile("the-log-of-a-server-that-has-been-running-for-years.log", POEM));
      await page.getByText("Queued at the server").waitFor();
      await shoot(page, `tasks-${name}`);
      await page.locator(".counted").scrollIntoViewIfNeeded();
      await page.locator(".chart").hover();
      await shoot(page, `tasks-result-${name}`);
    };
    try {
      await withWindows(browser, body, { expected: FAILED_REQUEST });
    } finally {
      await serving.close();
    }
  });
}

for (const [name, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
  test(`the page can be looked at while it is away and when it is back: ${name}`, async () => {
    await using proxy = await startProxy(app.port);
    const body = async (open: OpenWindow) => {
      const options: WindowOptions = { viewport, colorScheme: "light", reducedMotion: "reduce" };
      const page = await enterRoom(open, proxy.url, "me", options);
      const ann = await enterRoom(open, app.url, "ann");
      await send(ann, "See you later");
      await seesTalk(page, ["ann: See you later"]);
      proxy.cut();
      await seesState(page, "Connection lost");
      await send(page, "Is anybody still there?");
      await send(ann, "Where did you go?");
      await send(ann, "Never mind.");
      await shoot(page, `room-away-${name}`);

      proxy.restore();
      await page.evaluate(`dispatchEvent(new Event("online"))`);
      await seesTalk(page, [
        "ann: See you later",
        "— You were away, 2 messages",
        "ann: Where did you go?",
        "ann: Never mind.",
        "me: Is anybody still there? (sent)",
      ]);
      if (viewport === NARROW) await page.locator("#settings summary").click();
      await shoot(page, `room-back-${name}`);
    };
    await withWindows(browser, body, { expected: FAILED_ATTEMPT });
  });
}

test("the page can be looked at when messages have failed", async () => {
  await withWindows(browser, async (open) => {
    const options = { viewport: NARROW, reducedMotion: "reduce", clientId: "me" } as const;
    const page = await open("about:blank", options);
    await page.routeWebSocket(/\/chat\//, async (socket) => {
      await socket.close({ code: 1008, reason: "too many messages" });
    });
    await page.addInitScript(
      `sessionStorage.setItem("koa-subapps:1:outbox fox me", '[["1","Hello?"]]')`,
    );
    await page.goto(`${app.url}#room/fox`);
    await seesTalk(page, ["me: Hello? (failed)"]);
    await shoot(page, "room-failed");
  });
});

async function shoot(page: Page, name: string): Promise<void> {
  const path = join(DIRECTORY, `${name}.png`);
  await page.screenshot({ path });
  assert.ok((await stat(path)).size > 1000);
}
