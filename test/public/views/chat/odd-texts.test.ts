import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../../support/browsed.ts";
import { enterRoom, seesMessages, seesState, seesTalk, send, withWindows } from "../../windows.ts";
import { message, openPlayedRoom } from "./played-room.ts";

const KIB_64 = 64 * 1024;

const [app, browser] = await browsedApp();

test("the echo refuses a text that the server does not read, and keeps it", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    await seesState(page, "Connected to /ws/");
    await send(page, "x".repeat(KIB_64 + 1));
    await page.locator("#hint", { hasText: "Too long by 1 byte." }).waitFor();
    assert.equal((await page.locator("#messageText").inputValue()).length, KIB_64 + 1);
    await send(page, "房".repeat(KIB_64 / 3 + 1));
    await page.locator("#hint", { hasText: /^Too long by/ }).waitFor();
    await send(page, "y".repeat(KIB_64));
    await seesMessages(page, [`Message text was: ${"y".repeat(KIB_64)}`]);
    await seesState(page, "Connected to /ws/");
  });
});

test("a message of which nothing can be seen is not sent, in the echo and in the room", async () => {
  const unseen = {
    spaces: "   ",
    "a no-break space": "\u00a0",
    "an ideographic space": "\u3000\u2003",
    "zero width": "\u200b\u200c\u200d\ufeff\u2060",
    "a soft hyphen": "\u00ad",
    "bidi controls": "\u202e\u2066\u2069\u061c",
    "Hangul fillers": "\u3164\u115f\u1160\uffa0",
    "selectors and tags": "\ufe0f\u{e0061}",
    "empty braille": "\u2800",
  };
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    await seesState(page, "Connected to /ws/");
    const room = await enterRoom(open, app.url, "ann", { room: "unseen" });
    for (const at of [page, room]) {
      for (const [what, text] of Object.entries(unseen)) {
        await send(at, text);
        await at.locator("#hint", { hasText: "There is nothing to be seen" }).waitFor();
        assert.equal(await at.locator("#messageText").inputValue(), text, what);
      }
      // What has something to be seen in it goes as it was written.
      for (const text of [" a ", "👩‍👧", "؀"]) await send(at, text);
    }
    await seesMessages(
      page,
      [" a ", "👩‍👧", "؀"].map((text) => `Message text was: ${text}`),
    );
    await seesTalk(room, ["me:  a  (sent)", "me: 👩‍👧 (sent)", "me: ؀ (sent)"]);
  });
});

test("marks and joiners by the hundred stay in their own message", async () => {
  const texts = [
    `a${"\u0301\u0489".repeat(400)}`,
    "👨\u200d".repeat(300),
    "\u2060x".repeat(600),
    "ﷺ".repeat(100),
    `क${"्क".repeat(300)}`,
  ];
  await withWindows(browser, async (open) => {
    for (const width of [1280, 390]) {
      const { page, sockets } = await openPlayedRoom(
        open,
        app.url,
        { members: ["me", `a${"\u0301".repeat(63)}`] },
        { viewport: { width, height: 800 } },
      );
      for (const [index, text] of texts.entries()) {
        sockets[0]?.send(message(index + 1, `b${"\u0323".repeat(63)}`, text));
      }
      await page
        .locator("#messages li")
        .nth(texts.length - 1)
        .waitFor();
      const log = page.locator("#log");
      const excess = await log.evaluate((it) => it.scrollWidth - it.clientWidth);
      assert.equal(excess, 0, `${width} pixels`);
      const lines = page.locator("#messages li, #memberList li");
      const overflows = await lines.evaluateAll((all) =>
        all.map((it) => it.ownerDocument.defaultView?.getComputedStyle(it).overflowY),
      );
      assert.deepEqual([...new Set(overflows)], ["hidden"]);
    }
  });
});

describe("an address in a message", () => {
  const cases: [text: string, links: string[]][] = [
    ["see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]],
    [
      "(http://example.com/x_(y)) and HTTPS://EXAMPLE.COM",
      ["http://example.com/x_(y)", "HTTPS://EXAMPLE.COM"],
    ],
    ["看「https://example.com/房間」，很好", ["https://example.com/房間"]],
    ["javascript:alert(1) data:text/html,x ftp://a.example mailto:a@b.example", []],
    ["https:// http://", []],
    ["https://a.example/<img>'\"", ["https://a.example/"]],
    ["xhttps://a.example", []],
    ["https://a.example/\u202egpj.exe", ["https://a.example/"]],
  ];

  test("opens, and the text shows as it is, in the room and in the echo", async () => {
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openPlayedRoom(open, app.url);
      for (const [index, [text]] of cases.entries()) {
        sockets[0]?.send(message(index + 1, "bob", text));
      }
      await seesTalk(
        page,
        cases.map(([text]) => `bob: ${text}`),
      );
      for (const [index, [, links]] of cases.entries()) {
        const found = page.locator("#messages li").nth(index).locator("a");
        assert.deepEqual(await found.allTextContents(), links);
      }
      for (const link of await page.locator("#messages a").all()) {
        assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
        assert.equal(await link.getAttribute("href"), await link.textContent());
      }
      await page.goto(`${app.url}#echo`);
      await seesState(page, "Connected to /ws/");
      await send(page, `go to ${app.url}icon.svg!`);
      await seesMessages(page, [`Message text was: go to ${app.url}icon.svg!`]);
      const popup = page.waitForEvent("popup");
      await page.locator("#messages a").click();
      const opened = await popup;
      await opened.waitForURL(`${app.url}icon.svg`);
      assert.equal(await opened.evaluate("String(window.opener)"), "null");
    });
  });
});

describe("a text from right to left", () => {
  test("is laid out by its own first letter, and what is around it from left to right", async () => {
    await withWindows(browser, async (open) => {
      const ann = await enterRoom(open, app.url, "ann", { room: "bidi" });
      const texts = ["שלום, world", "hello שלום", "https://a.example/ שלום"];
      for (const text of texts) await send(ann, text);
      await seesTalk(
        ann,
        texts.map((text) => `me: ${text} (sent)`),
      );
      assert.deepEqual(await directions(ann), ["rtl ltr ltr", "ltr ltr ltr", "ltr ltr ltr"]);
      await ann.reload();
      await seesTalk(
        ann,
        texts.map((text) => `me: ${text}`),
      );
      assert.deepEqual(await directions(ann), ["rtl ltr ltr", "ltr ltr ltr", "ltr ltr ltr"]);
    });
  });

  test("with bidi controls that are never closed reaches no other", async () => {
    const controls = ["\u202e", "\u2067", "\u202b", "\u2069\u2069\u202e", "\u202e\u2069"];
    await withWindows(browser, async (open) => {
      const { page, sockets } = await openPlayedRoom(open, app.url);
      sockets[0]?.send(message(1, "bob", "plain"));
      for (const [index, control] of controls.entries()) {
        sockets[0]?.send(message(index + 2, "bob", `${control}plain`));
      }
      await page.locator("#messages li").nth(controls.length).waitFor();
      // Where the first letter of the time stands, seen from the time's own box.
      const places = await page.locator("#messages time").evaluateAll((times) =>
        times.map((time) => {
          const range = time.ownerDocument.createRange();
          range.setStart(time.firstChild, 0);
          range.setEnd(time.firstChild, 1);
          return Math.round(range.getBoundingClientRect().x - time.getBoundingClientRect().x);
        }),
      );
      assert.deepEqual(
        places,
        places.map(() => 0),
      );
    });
  });
});

test("a time that is none costs a message its time, and what is no message nothing", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets } = await openPlayedRoom(open, app.url);
    const server = sockets[0];
    const times = ["yesterday", "", null, 7, 1e300, {}, "+275761-01-01T00:00:00Z"];
    for (const [index, at] of times.entries()) {
      server?.send(message(index + 1, "bob", `number ${index}`, at));
    }
    for (const odd of [
      "",
      "no JSON",
      "null",
      "[]",
      "7",
      '{"type":"constructor"}',
      '{"type":"welcome"}',
      '{"type":"message","offset":-1,"from":"x","text":"x"}',
      '{"type":"message","offset":8,"text":{}}',
      '{"type":"joined"}',
      '{"type":"left","member":null}',
      '{"type":"ack"}',
      '{"type":"later"}',
    ]) {
      server?.send(odd);
    }
    server?.send(message(times.length + 1, "bob", "after all that"));
    const texts = [...times.map((_, index) => `bob: number ${index}`), "bob: after all that"];
    await seesTalk(page, texts);
    const last = page.locator("#messages li").last();
    assert.equal(await last.locator("time").count(), 1);
    assert.equal(await page.locator("#messages time").count(), 1);
  });
});

/** Of each message: the direction of its text, of its time and state, and of the line around them. */
function directions(page: Page): Promise<string[]> {
  return page
    .locator("#messages li")
    .evaluateAll((lines) =>
      lines.map((line) =>
        [line.querySelector(".text"), line.querySelector(".meta"), line]
          .map((it) => it && line.ownerDocument.defaultView?.getComputedStyle(it).direction)
          .join(" "),
      ),
    );
}
