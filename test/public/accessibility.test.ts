import assert from "node:assert/strict";
import { test } from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { browsedApp } from "../support/browsed.ts";
import { choose, seesTask, textFile } from "./views/tasks/task-list.ts";
import {
  FAILED_REQUEST,
  type OpenWindow,
  seesState,
  send,
  type WindowOptions,
  withWindows,
} from "./windows.ts";

const WIDTHS = { wide: 1280, narrow: 390 };

const COLOURS = [
  { colorScheme: "light", forcedColors: "none" },
  { colorScheme: "dark", forcedColors: "none" },
  { colorScheme: "light", forcedColors: "active" },
] as const;

type Colours = (typeof COLOURS)[number];

const [app, browser] = await browsedApp();

/** In Chinese, where colours are the same, each colouring is looked at in one width. */
const CHINESE = { wide: COLOURS.slice(1), narrow: COLOURS.slice(0, 1) };

for (const [name, width] of Object.entries(WIDTHS)) {
  const options = { viewport: { width, height: 800 }, reducedMotion: "reduce" } as const;
  const chinese = CHINESE[name as keyof typeof WIDTHS];

  test(`axe-core finds nothing on the echo: ${name}`, async () => {
    await withWindows(browser, async (open) => {
      const page = await open(app.url, options);
      await seesState(page, "Connected to /ws/");
      await isAccessible(page);
      await send(page, "hello");
      await page.getByText("Message text was: hello").waitFor();
      await isAccessible(page);
      await page.locator("#language").click();
      await isAccessible(page, chinese);
    });
  });

  test(`axe-core finds nothing on the room: ${name}`, async () => {
    await withWindows(browser, async (open) => {
      const page = await openRoom(open, options);
      await isAccessible(page);
      await page.locator("#settings").evaluate((panel) => panel.setAttribute("open", ""));
      await page.locator("#roomName").fill("not a room");
      await isAccessible(page);
      await page.locator("#language").click();
      await isAccessible(page, chinese);
    });
  });

  test(`axe-core finds nothing on the tasks: ${name}`, async () => {
    const body = async (open: OpenWindow) => {
      const page = await open(`${app.url}#tasks`, options);
      await seesState(page, "Connected to /tasks/");
      await isAccessible(page);
      await choose(
        page,
        textFile("a.txt"),
        textFile("b.txt"),
        textFile("c.png", "\0", "image/png"),
      );
      for (const file of ["a.txt", "b.txt"]) await seesTask(page, file, "Done");
      const results = page.locator(".result");
      await results.evaluateAll((all) => {
        for (const result of all) result.setAttribute("open", "");
      });
      await isAccessible(page);
      await page.locator("#language").click();
      await page.getByText("個字詞").first().waitFor();
      await isAccessible(page, chinese);
    };
    await withWindows(browser, body, { expected: FAILED_REQUEST });
  });
}

/** A room whose server is played by the test: messages of two days, one that failed, and an end. */
async function openRoom(open: OpenWindow, options: WindowOptions): Promise<Page> {
  const page = await open("about:blank", { ...options, clientId: "me" });
  await page.routeWebSocket(/\/chat\//, (socket) => {
    const members = ["me", "ann"].map((id) => ({ id, since: "2026-01-01T00:00:00.000Z" }));
    const position = { epoch: "first", offset: 0 };
    const about = { room: "fox", you: "me", position, latest: 2, recovered: null, members };
    socket.send(JSON.stringify({ type: "welcome", ...about }));
    const days = ["2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"];
    days.forEach((at, index) => {
      const message = { type: "message", offset: index + 1, from: "ann", text: `day ${index}`, at };
      socket.send(JSON.stringify(message));
    });
    socket.onMessage(() => socket.close({ code: 1008, reason: "enough" }));
  });
  await page.goto(`${app.url}#room/fox`);
  await page.getByText("day 1").waitFor();
  await send(page, "will fail");
  await page.getByRole("button", { name: "Discard" }).waitFor();
  return page;
}

/** Checks the page as it is, in these colours. */
async function isAccessible(page: Page, looks: readonly Colours[] = COLOURS): Promise<void> {
  await page.evaluate(axe.source);
  for (const colours of looks) {
    await page.emulateMedia(colours);
    const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
    assert.deepEqual(
      violations.map(({ id, nodes }) => [
        id,
        ...nodes.map(({ html, any }) => [html, any[0]?.message]),
      ]),
      [],
      JSON.stringify(colours),
    );
  }
}
