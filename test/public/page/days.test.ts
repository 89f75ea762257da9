import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../support/browsed.ts";
import {
  isMember,
  type OpenWindow,
  seesTalk,
  type WindowOptions,
  withWindows,
} from "../windows.ts";

/** Half an hour before midnight in Taipei, and the afternoon in London. */
const NOW = new Date("2026-03-05T15:30:00Z");

const SAID = [
  ["2025-12-31T10:00:00Z", "last year"],
  ["2026-03-04T09:00:00Z", "yesterday"],
  ["2026-03-04T17:00:00Z", "one in the morning in Taipei"],
  ["2026-03-05T15:00:00Z", "just now"],
] as const;

const [app, browser] = await browsedApp();

let said: (readonly [at: string, text: string])[];
beforeEach(() => {
  said = [...SAID];
});

test("a message of another day shows its day, and the days are separated, in the page's language, as the reader's region and zone have them", async () => {
  await withWindows(browser, async (open) => {
    const page = await openRoom(open, { locale: "en-GB", timezoneId: "Asia/Taipei" });
    await seesDays(page, [
      ["Wednesday, 31 December 2025", "31 Dec 2025, 18:00"],
      ["yesterday", "4 Mar, 17:00"],
      ["today", "01:00"],
      ["", "23:00"],
    ]);
    const zone = await openRoom(open, { locale: "en-GB", timezoneId: "Europe/London" });
    await seesDays(zone, [
      ["Wednesday, 31 December 2025", "31 Dec 2025, 10:00"],
      ["yesterday", "4 Mar, 09:00"],
      ["", "4 Mar, 17:00"],
      ["today", "15:00"],
    ]);
    const locale = await openRoom(open, { locale: "de-DE", timezoneId: "Asia/Taipei" });
    await seesDays(locale, [
      ["Wednesday, 31 December 2025", "31 Dec 2025, 18:00"],
      ["yesterday", "4 Mar, 17:00"],
      ["today", "01:00"],
      ["", "23:00"],
    ]);
  });
});

test("messages of today alone have no separator, and a message without a time only lacks it", async () => {
  said = [
    ["2026-03-05T14:00:00Z", "an hour ago"],
    ["the other day", "when was that?"],
    ["2026-03-05T15:00:00Z", "just now"],
  ];
  await withWindows(browser, async (open) => {
    const page = await openRoom(open, { locale: "en-GB", timezoneId: "Europe/London" });
    await seesDays(page, [
      ["", "14:00"],
      ["", ""],
      ["", "15:00"],
    ]);
  });
});

test("at midnight what was said today becomes what was said yesterday, in a window that stays open", async () => {
  await withWindows(browser, async (open) => {
    const page = await openRoom(open, { locale: "en-GB", timezoneId: "Asia/Taipei" });
    await page.clock.fastForward(45 * 60_000);
    await seesDays(page, [
      ["Wednesday, 31 December 2025", "31 Dec 2025, 18:00"],
      ["Wednesday 4 March", "4 Mar, 17:00"],
      ["yesterday", "5 Mar, 01:00"],
      ["", "5 Mar, 23:00"],
    ]);
  });
});

/** A window in a room in which what `said` has was said; its time begins at {@link NOW}. */
async function openRoom(open: OpenWindow, options: WindowOptions): Promise<Page> {
  const page = await open("about:blank", { ...options, clientId: "me" });
  await page.clock.install({ time: NOW });
  await page.routeWebSocket(/\/chat\//, (socket) => {
    const members = [{ id: "me", since: "2026-01-01T00:00:00.000Z" }];
    const position = { epoch: "first", offset: 0 };
    const about = { room: "fox", you: "me", position, recovered: null, members };
    socket.send(JSON.stringify({ type: "welcome", ...about, latest: said.length }));
    said.forEach(([at, text], index) => {
      const message = { type: "message", offset: index + 1, from: "ann", text, at };
      socket.send(JSON.stringify(message));
    });
  });
  await page.goto(`${app.url}#room/fox`);
  await isMember(page, "me");
  await seesTalk(
    page,
    said.map(([, text]) => `ann: ${text}`),
  );
  return page;
}

/** Checks, of each message, what stands above it and when it was said. */
async function seesDays(page: Page, wanted: [day: string, time: string][]): Promise<void> {
  const shown = await page
    .locator("#messages li")
    .evaluateAll((lines) =>
      lines.map((line) =>
        [".day", "time"].map((part) => line.querySelector(part)?.textContent ?? ""),
      ),
    );
  assert.deepEqual(shown, wanted);
}
