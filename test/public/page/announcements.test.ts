import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Page } from "playwright-core";
import { WebSocket } from "ws";
import { browsedApp } from "../../support/browsed.ts";
import { until } from "../../support/within.ts";
import { DEADLINE, enterRoom, seesState, seesTalk, send, withWindows } from "../windows.ts";

const FLOOD = 300;

let serial = 0;
let room: string;

const [app, browser] = await browsedApp();

beforeEach(() => {
  serial += 1;
  room = `loud${serial}`;
});

test("a few messages are read out one by one, and hundreds become a count", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "me", { room });
    const ann = await enterRoom(open, app.url, "ann", { room });
    await listen(page);
    await send(ann, "good morning");
    await heard(page, /good morning/);
    assert.equal((await said(page)).filter((text) => /good morning/.test(text)).length, 1);

    await flood(app.url, room);
    await heard(page, /^\d+ new messages$/);
    await page.locator("#messages .text", { hasText: new RegExp(`^flood ${FLOOD}$`) }).waitFor();
    const [all, seen] = [await said(page), await page.locator("#messages li").count()];
    assert.equal(seen, FLOOD + 1, "all are on the page");
    assert.ok(all.length < 20, `${all.length} announcements`);
  });
});

test("an own message is read out once, however its state changes", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "me", { room });
    await listen(page);
    for (const text of ["first", "second"]) {
      await send(page, text);
      await page.locator("#messages li[data-state=sent]", { hasText: text }).waitFor();
    }
    await heard(page, /second/);
    const all = await said(page);
    assert.equal(all.length, 2, all.join(" | "));
    assert.ok(all.every((text, index) => text.includes(["first", "second"][index] ?? "")));
  });
});

test("an own message is read out once in the middle of a flood, too", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "me", { room });
    await listen(page);
    await flood(app.url, room);
    await heard(page, /^\d+ new messages$/);
    await send(page, "my own word");
    await page.locator("#messages li[data-state=sent]", { hasText: "my own word" }).waitFor();
    const mine = (await said(page)).filter((text) => text.includes("my own word"));
    assert.equal(mine.length, 1, mine.join(" | "));
  });
});

test("the history that a reader comes to is not read out", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room });
    for (const text of ["one", "two", "three", "four"]) await send(ann, text);
    await seesTalk(
      ann,
      ["one", "two", "three", "four"].map((text) => `me: ${text} (sent)`),
    );
    const page = await open(app.url, { clientId: "me" });
    await listen(page);
    await page.evaluate(`location.hash = "#room/${room}"`);
    await seesState(page, `Connected to /chat/${room}/me`);
    await page.locator("#messages li", { hasText: "four" }).waitFor();
    await send(ann, "five");
    await heard(page, /five/);
    assert.deepEqual(
      (await said(page)).filter((text) => /one|two|three|four|\d+ new/.test(text)),
      [],
    );
  });
});

/** Says many messages from a client of its own, as quickly as the server takes them. */
async function flood(url: string, room: string): Promise<void> {
  const socket = new WebSocket(`${url.replace("http", "ws")}chat/${room}/flood`, ["chat.v1"]);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const acknowledged = new Promise<void>((resolve) => {
    let count = 0;
    socket.onmessage = ({ data }) => {
      if (JSON.parse(data.toString()).type === "ack") count += 1;
      if (count === FLOOD) resolve();
    };
  });
  for (let index = 1; index <= FLOOD; index++) {
    socket.send(JSON.stringify({ type: "say", id: `${index}`, text: `flood ${index}` }));
  }
  await acknowledged;
  socket.close();
}

// What a screen reader would be given: text that is new in a live region, once per element that is
// added, and by the politeness of the element itself.
async function listen(page: Page): Promise<void> {
  await page.evaluate(`
    window.heard = [];
    const roles = "[role=log], [role=status], [role=alert], output, [aria-live]";
    const isRead = (node) => {
      const region = (node.nodeType === 1 ? node : node.parentElement)?.closest(roles);
      const live = region?.closest("[aria-live]") ?? region;
      return region && (live?.ariaLive ?? "polite") !== "off" && region.id !== "stateText";
    };
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) if (isRead(node)) heard.push(node.textContent.trim());
      }
    }).observe(document.body, { subtree: true, childList: true });
  `);
}

function said(page: Page): Promise<string[]> {
  return page.evaluate<string[]>("heard.filter((text) => text !== '')");
}

async function heard(page: Page, text: RegExp): Promise<void> {
  await until(
    async () => (await said(page)).some((line) => text.test(line)),
    `to hear ${text}`,
    2 * DEADLINE,
  );
}
