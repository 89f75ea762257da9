import assert from "node:assert/strict";
import { get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../support/browsed.ts";
import { enterRoom, seesMessages, seesState, seesTalk, send, withWindows } from "./windows.ts";

const [app, browser] = await browsedApp();

test("the echo answers what is sent, with Enter and by the button", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    await seesState(page, "Connected to /ws/");

    await page.locator("#messageText").fill("by Enter");
    await page.locator("#messageText").press("Enter");
    await seesMessages(page, ["Message text was: by Enter"]);
    assert.equal(await page.locator("#messageText").inputValue(), "");

    await page.locator("#messageText").fill("by button");
    await page.getByRole("button", { name: "Send" }).click();
    await seesMessages(page, ["Message text was: by Enter", "Message text was: by button"]);
    assert.equal(await page.locator("#messageText").inputValue(), "");
  });
});

test("the tutorial's two elements are there exactly once", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    assert.equal(await page.locator("input#messageText").count(), 1);
    assert.equal(await page.locator("ul#messages").count(), 1);
  });
});

test("each demo keeps its own messages and its own draft, and counts what was not seen", async () => {
  await withWindows(browser, async (open) => {
    const [page, bob] = await Promise.all([
      enterRoom(open, app.url, "ann"),
      enterRoom(open, app.url, "bob"),
    ]);
    const tab = (name: string) => page.locator("#tabs").getByRole("link", { name });
    await tab("Echo Not connected").click();
    await tab("Echo Connected").waitFor();
    await tab("Room Connected").waitFor();
    await send(page, "to the echo");
    await seesMessages(page, ["Message text was: to the echo"]);
    await page.locator("#messageText").fill("half a thou");

    await send(bob, "to the room");
    await tab("1 new").click();
    await seesState(page, "Connected to /chat/fox/ann");
    await seesTalk(page, ["bob: to the room"]);
    assert.equal(await page.locator("#messageText").inputValue(), "");
    assert.equal(await tab("1 new").count(), 0);

    await page.goBack();
    await seesMessages(page, ["Message text was: to the echo"]);
    assert.equal(await page.locator("#messageText").inputValue(), "half a thou");
  });
});

test("the whole page works from the keyboard, with a visible focus", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(app.url);
    await seesState(page, "Connected to /ws/");
    const focused = () => page.locator(":focus").first().getAttribute("id");
    const tabTo = async (id: string) => {
      for (let presses = 0; presses < 12 && (await focused()) !== id; presses++) {
        await page.keyboard.press("Tab");
      }
      assert.equal(await focused(), id);
      const style = await page.locator(":focus").evaluate((element) => {
        const { outlineStyle, outlineWidth } =
          element.ownerDocument.defaultView?.getComputedStyle(element) ?? {};
        return `${outlineStyle} ${outlineWidth}`;
      });
      assert.equal(style, "solid 3px");
    };

    assert.equal(await focused(), "messageText", "one can write at once");
    await page.keyboard.type("typed");
    await page.keyboard.press("Enter");
    await seesMessages(page, ["Message text was: typed"]);

    await page.locator("#tabs a[href='#echo']").focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await seesState(page, /^Connected to \/chat\/[a-z2-9]{6}\/[a-z2-9]{6}$/);
    await tabTo("copyLink");
    await tabTo("roomName");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("keyhole");
    await page.keyboard.press("Enter");
    await seesState(page, "Connected to /chat/keyhole/");
    assert.equal(await focused(), "roomName");
    await tabTo("newRoom");
    await tabTo("clientId");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("keys");
    await page.keyboard.press("Enter");
    await seesState(page, "Connected to /chat/keyhole/keys");
    await tabTo("log");
    await tabTo("messageText");
    await page.keyboard.type("from the keyboard");
    await tabTo("send");
    await page.keyboard.press("Space");
    await seesTalk(page, ["me: from the keyboard (sent)"]);
    assert.equal(await focused(), "messageText");
  });
});

for (const width of [320, 360]) {
  test(`a window ${width} pixels wide needs no sideways scrolling`, async () => {
    await withWindows(browser, async (open) => {
      const page = await open(app.url, { viewport: { width, height: 640 } });
      await seesState(page, "Connected to /ws/");
      await send(page, "long".repeat(100));
      await seesMessages(page, [`Message text was: ${"long".repeat(100)}`]);
      assert.equal(await overflow(page), 0, "the echo");

      const long = "w".repeat(64);
      const here = `${width}`.padEnd(64, "r");
      const room = await enterRoom(open, app.url, long, {
        room: here,
        viewport: { width, height: 640 },
      });
      const other = await enterRoom(open, app.url, `${"w".repeat(63)}2`, { room: here });
      await send(other, "long".repeat(100));
      await seesTalk(room, [`${"w".repeat(63)}2: ${"long".repeat(100)}`]);
      await send(room, "wide".repeat(100));
      await room.locator("[data-state=sent]").waitFor();
      assert.equal(await overflow(room), 0, "the room");
      for (const panel of ["#members", "#settings"]) {
        await room.locator(`${panel} summary`).click();
        await room.locator(`${panel}[open]`).waitFor();
        assert.equal(await overflow(room), 0, `the room with ${panel} open`);
      }
    });
  });
}

test("the files come with a strict policy, and are asked for again cheaply", async () => {
  const page = await fetch(app.url);
  assert.equal(page.status, 200);
  assert.equal(
    page.headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
      "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  assert.equal(page.headers.get("cross-origin-opener-policy"), "same-origin");
  assert.equal(page.headers.get("cache-control"), "no-cache");
  assert.doesNotMatch(await page.text(), / style=| on\w+=|<style|<script>/);

  // By content: a date may be the same for every version.
  assert.equal(page.headers.get("last-modified"), null);
  const { etag = "" } = await headersOf(app.url, {});
  assert.equal(await statusOf(app.url, { "If-None-Match": etag }), 304);
  assert.equal((await fetch(`${app.url}package.json`)).status, 404);
});

test("the page's one dependency comes from the same server, and is asked for again cheaply", async () => {
  const url = `${app.url}vendor/partysocket/ws.js`;
  const module = await fetch(url);
  assert.equal(module.status, 200);
  assert.match(module.headers.get("content-type") ?? "", /^text\/javascript/);
  await module.text();
  const { etag = "" } = await headersOf(url, {});
  assert.equal(await statusOf(url, { "If-None-Match": etag }), 304);
  for (const path of ["", "index.js", "ws.cjs", "%2e%2e/ws.js", "..%2f..%2fpackage.json"]) {
    assert.equal(await statusOf(`${app.url}vendor/partysocket/${path}`, {}), 404, path);
  }
});

/** By how many pixels the page, or its list, is wider than there is room for. */
function overflow(page: Page): Promise<number> {
  return page.locator("html").evaluate((html) => {
    const log = html.querySelector("#log");
    const edges = [...html.querySelectorAll("body *")].map((element) =>
      log?.contains(element) ? 0 : element.getBoundingClientRect().right,
    );
    return Math.max(
      html.scrollWidth - html.clientWidth,
      Math.max(...edges) - html.clientWidth,
      (log?.scrollWidth ?? 0) - (log?.clientWidth ?? 0),
      0,
    );
  });
}

/** `fetch` would add a `Cache-Control` of its own, which asks the server not to answer 304. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return (await request(url, headers)).statusCode;
}

async function headersOf(
  url: string,
  headers: Record<string, string>,
): Promise<IncomingHttpHeaders> {
  return (await request(url, headers)).headers;
}

async function request(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on("error", reject);
  });
  response.resume();
  return response;
}
