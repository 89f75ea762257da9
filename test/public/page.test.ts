import assert from "node:assert/strict";
import { get, type IncomingMessage } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type AppProcess, startApp } from "../support/app-process.ts";
import { launchBrowser } from "../support/browser.ts";
import { type OpenWindow, seesMessages, seesState, send, withWindows } from "./windows.ts";

let app: AppProcess;
let browser: Browser;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

// A server for each test, so that nobody from the test before is still about to leave the room.
beforeEach(async () => {
  app = await startApp();
});

afterEach(async () => {
  await app?.kill();
});

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

test("two windows in a room talk to each other, and one hears the other leave", async () => {
  await withWindows(browser, async (open) => {
    const [ann, bob] = await Promise.all([enterRoom(open, "ann"), enterRoom(open, "bob")]);

    await send(ann, "hello");
    await seesMessages(ann, ["You wrote: hello", "Client #ann says: hello"]);
    await seesMessages(bob, ["Client #ann says: hello"]);

    await send(bob, "good morning");
    await seesMessages(bob, [
      "Client #ann says: hello",
      "You wrote: good morning",
      "Client #bob says: good morning",
    ]);
    await seesMessages(ann, [
      "You wrote: hello",
      "Client #ann says: hello",
      "Client #bob says: good morning",
    ]);

    await bob.close();
    await seesMessages(ann, [
      "You wrote: hello",
      "Client #ann says: hello",
      "Client #bob says: good morning",
      "Client #bob left the chat",
    ]);
  });
});

test("markup from others is shown as text and does not run", async () => {
  await withWindows(browser, async (open) => {
    const [ann, bob] = await Promise.all([enterRoom(open, "ann"), enterRoom(open, "bob")]);
    const script = "<script>document.title = 'owned'</script>";
    const image = "<img src=x onerror=\"document.title = 'owned'\">";

    await send(ann, script);
    await send(ann, image);
    await seesMessages(bob, [`Client #ann says: ${script}`, `Client #ann says: ${image}`]);
    assert.equal(await bob.locator("#messages li *").count(), 0);
    assert.equal(await bob.title(), "Room · koa-subapps");
  });
});

test("the room asks for an id that follows the rule, and moves to it", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(`${app.url}#room`);
    const id = page.getByLabel("Your client id");
    await seesState(page, `Connected to /chat/${await id.inputValue()}`);

    await id.fill("not an id");
    assert.equal(await id.getAttribute("aria-invalid"), "true");
    await id.press("Enter");
    await seesState(page, /^Connected to \/chat\/[a-z0-9]{6}$/);
    assert.equal(await id.inputValue(), "not an id", "what was typed is there to be mended");

    await id.fill("Ann_1-2");
    assert.equal(await id.getAttribute("aria-invalid"), "false");
    await id.press("Enter");
    await seesState(page, "Connected to /chat/Ann_1-2");
    await send(page, "it is me");
    await page.getByText("Client #Ann_1-2 says: it is me", { exact: true }).waitFor();
  });
});

test("a window keeps its id over a reload, and another window has one of its own", async () => {
  await withWindows(browser, async (open) => {
    const first = await open(`${app.url}#room`);
    const id = await first.getByLabel("Your client id").inputValue();
    await first.reload();
    assert.equal(await first.getByLabel("Your client id").inputValue(), id);

    const second = await first.context().newPage();
    await second.goto(`${app.url}#room`);
    assert.notEqual(await second.getByLabel("Your client id").inputValue(), id);
  });
});

test("each demo keeps its own messages and its own draft, and counts what was not seen", async () => {
  await withWindows(browser, async (open) => {
    const [page, bob] = await Promise.all([enterRoom(open, "ann"), enterRoom(open, "bob")]);
    const tab = (name: string) => page.locator("#tabs").getByRole("link", { name });
    await tab("Echo Not connected").click();
    await tab("Echo Connected").waitFor();
    await tab("Room Connected").waitFor();
    await send(page, "to the echo");
    await seesMessages(page, ["Message text was: to the echo"]);
    await page.locator("#messageText").fill("half a thou");

    await send(bob, "to the room");
    await tab("1 new").click();
    await seesState(page, "Connected to /chat/");
    await seesMessages(page, ["Client #bob says: to the room"]);
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
    await seesState(page, "Connected to /chat/");
    await tabTo("clientId");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("keys");
    await page.keyboard.press("Enter");
    await seesState(page, "Connected to /chat/keys");
    await tabTo("log");
    await tabTo("messageText");
    await page.keyboard.type("from the keyboard");
    await tabTo("send");
    await page.keyboard.press("Space");
    await page.getByText("Client #keys says: from the keyboard", { exact: true }).waitFor();
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

      const room = await open(`${app.url}#room`, {
        viewport: { width, height: 640 },
        clientId: "w".repeat(64),
      });
      await seesState(room, `Connected to /chat/${"w".repeat(64)}`);
      await send(room, "wide");
      await seesMessages(room, ["You wrote: wide", `Client #${"w".repeat(64)} says: wide`]);
      assert.equal(await overflow(room), 0, "the room");
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

  const since = page.headers.get("last-modified") ?? "";
  assert.equal(await statusOf(app.url, { "If-Modified-Since": since }), 304);
  assert.equal((await fetch(`${app.url}package.json`)).status, 404);
});

async function enterRoom(open: OpenWindow, clientId: string): Promise<Page> {
  const page = await open(`${app.url}#room`, { clientId });
  await seesState(page, `Connected to /chat/${clientId}`);
  return page;
}

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
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on("error", reject);
  });
  response.resume();
  return response.statusCode;
}
