import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../support/browsed.ts";
import { until } from "../../support/within.ts";
import { message, openPlayedRoom } from "../views/chat/played-room.ts";
import { choose, textFile } from "../views/tasks/task-list.ts";
import { FAILED_REQUEST, type OpenWindow, seesState, send, withWindows } from "../windows.ts";

const PUBLIC = new URL("../../../public/", import.meta.url);

/** What stays as it is in Chinese: names, and what has no other name there. */
const NAMES =
  /koa-subapps|English|UTF-(?:8|16)|Big5|Excel|CSV|[KMG]iB|\/ws\/|\/tasks\/|\S*fox\S*|\bme\b/g;

const [app, browser] = await browsedApp();

test("each text is there in each language, with the same parts, and none is empty", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    const { en, zhHant, used } = await page.evaluate<Tables>(`(async () => {
      const [{ en }, { zhHant }] = await Promise.all(
        [import("./page/texts/en.js"), import("./page/texts/zh-hant.js")]);
      const say = (table) => Object.entries(table).map(([key, text]) =>
        [key, typeof text, text.length, typeof text === "function" ? text(1, 2, 3) : text]);
      const used = [...document.querySelectorAll("[data-text], [data-label], [data-placeholder]")]
        .flatMap(({ dataset }) => [dataset.text, dataset.label, dataset.placeholder]).filter(Boolean);
      return { en: say(en), zhHant: say(zhHant), used };
    })()`);
    const forms = (table: Said[]) =>
      table.map(([key, type, parts]) => [key, type, type === "string" || parts]);
    assert.deepEqual(forms(zhHant), forms(en));
    assert.ok(en.length > 100);
    for (const [key, , , text] of [...en, ...zhHant]) assert.match(text, /\S/, key);
    for (const [key, , , text] of zhHant) assert.match(text, /[\p{Script=Han}：]/u, key);
    for (const [key, , , text] of en) assert.doesNotMatch(text, /\p{Script=Han}/u, key);
    const keys = new Set(en.map(([key]) => key));
    for (const key of used) assert.ok(keys.has(key), `the page asks for "${key}"`);
  });
});

test("the page as it is sent says in English what the table says", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    const differing = await page.evaluate<string[]>(`(async () => {
      const { en } = await import("./page/texts/en.js");
      const html = await (await fetch("index.html")).text();
      const sent = new DOMParser().parseFromString(html, "text/html");
      const said = (element) => [
        [element.dataset.text, element.textContent.trim()],
        [element.dataset.label, element.ariaLabel],
        [element.dataset.placeholder, element.getAttribute("placeholder")],
      ];
      return [...sent.querySelectorAll("[data-text], [data-label], [data-placeholder]")]
        .flatMap(said)
        .filter(([key, text]) => key !== undefined && en[key] !== text)
        .map(String);
    })()`);
    assert.deepEqual(differing, []);
  });
});

test("no module but the tables has a sentence of its own", async () => {
  const files = (await readdir(PUBLIC, { recursive: true })).filter(
    (name) => name.endsWith(".js") && !name.includes("texts/"),
  );
  assert.ok(files.length > 40);
  for (const name of files) {
    const code = (await readFile(new URL(name, PUBLIC), "utf8")).replaceAll(
      /^\s*(?:\/\/|\/?\*).*$/gm,
      "",
    );
    assert.doesNotMatch(code, /["`][A-Z][a-z]+ [^"`]*["`]/, name);
  }
});

for (const [languages, tag] of [
  [["zh-TW"], "zh-Hant"],
  [["zh-HK", "en"], "zh-Hant"],
  [["fr", "zh-Hant-TW", "en"], "zh-Hant"],
  [["en-US", "zh-TW"], "en"],
  [["zh-CN", "en"], "en"],
  [["de-DE"], "en"],
  [["en-US@posix", "no tag", "zh-TW"], "en"],
] as const) {
  test(`a browser that asks for ${languages.join(", ")} gets ${tag}`, async () => {
    await withWindows(browser, async (open) => {
      const page = await speaking(open, languages);
      await page.goto(app.url);
      await seesState(page, tag === "en" ? "Connected to /ws/" : "已連線到 /ws/");
      assert.equal(await page.locator("html").getAttribute("lang"), tag);
      assert.equal(await page.title(), tag === "en" ? "Echo · koa-subapps" : "回音 · koa-subapps");
    });
  });
}

test("the switch changes what is on the page without losing any of it, and is remembered", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url, { locale: "en-US" });
    await seesState(page, "Connected to /ws/");
    await send(page, "hello");
    await page.getByText("Message text was: hello").waitFor();
    await page.locator("#messageText").fill("a draft");
    const other = page.getByRole("button", { name: "繁體中文" });
    assert.equal(await other.getAttribute("lang"), "zh-Hant");
    await other.focus();
    await page.keyboard.press("Enter");
    await seesState(page, "已連線到 /ws/");
    assert.deepEqual(await latin(page, "#messages"), []);
    assert.equal(await page.locator("#messageText").inputValue(), "a draft");
    await page.getByText("Message text was: hello").waitFor();
    assert.equal(await page.locator("#language").evaluate((it) => it.matches(":focus")), true);

    await page.reload();
    await seesState(page, "已連線到 /ws/");
    await page.getByRole("button", { name: "English" }).click();
    await seesState(page, "Connected to /ws/");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.deepEqual(await page.locator("#tabs .title").allTextContents(), [
      "Echo",
      "Room",
      "Tasks",
    ]);
  });
});

test("in Chinese nothing of the room is English but names and what servers say", async () => {
  await withWindows(browser, async (open) => {
    const { page, sockets, received } = await openPlayedRoom(
      open,
      app.url,
      {},
      { locale: "zh-TW" },
    );
    const [socket] = sockets;
    for (const [offset, at] of ["2025-12-31T10:00:00Z", new Date().toISOString()].entries()) {
      socket?.send(message(offset + 1, "ann", "text of others", at));
    }
    socket?.send(message(4, "ann", "text of others"));
    socket?.send(JSON.stringify({ type: "error", code: "x", message: "text of others" }));
    await page.locator("#settings").evaluate((panel) => panel.setAttribute("open", ""));
    await page.locator("#roomName").fill("not a room");
    await page.locator("#messageText").fill("\u200b");
    await page.locator("#send").click();
    await page.locator("#hint:not(:empty)").waitFor();
    assert.deepEqual(await latin(page), []);
    await send(page, "text of mine");
    await until(() => received.length > 0, "the message to be sent");
    await page.evaluate(`navigator.clipboard.writeText = () => Promise.reject()`);
    await page.locator("#copyLink").click();
    await socket?.close({ code: 1008, reason: "text of others" });
    await page.locator(".failure").waitFor();
    assert.deepEqual(await latin(page), []);
    assert.deepEqual(await page.locator(".failure button").allTextContents(), ["重試", "捨棄"]);
    await page.getByText("聊天室 fox", { exact: true }).waitFor();
  });
});

test("in Chinese nothing of the tasks is English but names and what servers say", async () => {
  const body = async (open: OpenWindow) => {
    const page = await open(`${app.url}#tasks`, { locale: "zh-TW" });
    await seesState(page, "已連線到 /tasks/");
    assert.deepEqual(await latin(page), []);
    const texts = ["狐狸 狐狸 狗 ".repeat(400), "\0"];
    for (const text of texts) await choose(page, textFile("狐狸", text));
    await page.locator(".task .counted").waitFor();
    await page.getByText("未上傳。").waitFor();
    assert.deepEqual(await latin(page), []);
    await page.getByText("1,200 個字詞", { exact: true }).waitFor();
  };
  await withWindows(browser, body, { expected: FAILED_REQUEST });
});

test("numbers and times are written as the reader's region does it in the page's language", async () => {
  await withWindows(browser, async (open) => {
    for (const [languages, count, time] of [
      [["en-US"], "1 message", /^Dec 31, 2025, \d{1,2}:00 [AP]M$/],
      [["en-GB"], "1 message", /^31 Dec 2025, \d\d:00$/],
      [["zh-TW"], "1 則訊息", /^2025年12月31日 [上下]午\d{1,2}:00$/],
    ] as const) {
      const page = await speaking(open, languages);
      const said = await page.goto(app.url).then(() =>
        page.evaluate<string[]>(`(async () => {
          const { texts } = await import("./page/texts.js");
          const { timeOf } = await import("./page/calendar.js");
          const { away, size } = texts();
          return [away(1), away(1234), size(1), size(1536), timeOf(new Date("2025-12-31T10:00:00Z"))];
        })()`),
      );
      const [one = "", many = "", byte, kib, at = ""] = said;
      assert.ok(one.endsWith(count), one);
      assert.match(many, languages[0] === "zh-TW" ? /1,234 則訊息$/ : /1,234 messages$/);
      assert.deepEqual([byte, kib], [languages[0] === "zh-TW" ? "1 位元組" : "1 byte", "1.5 KiB"]);
      assert.match(at, time);
    }
  });
});

type Said = [key: string, type: string, parts: number, text: string];

interface Tables {
  readonly en: Said[];
  readonly zhHant: Said[];
  readonly used: string[];
}

/** A window of a browser with these languages, which shows nothing yet. */
async function speaking(open: OpenWindow, languages: readonly string[]): Promise<Page> {
  const page = await open("about:blank", { locale: languages[0] ?? "" });
  await page.addInitScript(
    `Object.defineProperty(navigator, "languages", { value: ${JSON.stringify(languages)} })`,
  );
  return page;
}

/** What is written on the page, or said of it, with Latin letters that no name has. */
async function latin(page: Page, except = ""): Promise<string[]> {
  const said = await page.evaluate<string[]>(`(() => {
    const others = ".text, .who, noscript, script" + ${JSON.stringify(except && `, ${except}`)};
    const said = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.parentElement.closest(others)) said.push(node.data);
    }
    for (const element of document.querySelectorAll("body *")) {
      for (const name of ["aria-label", "aria-valuetext", "placeholder", "title", "alt"]) {
        said.push(element.getAttribute(name) ?? "");
      }
    }
    return said;
  })()`);
  return said.filter((text) =>
    /[a-z]{2}/i.test(text.replaceAll(NAMES, "").replace(/text of (?:others|mine)/, "")),
  );
}
