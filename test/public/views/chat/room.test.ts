import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../../support/browsed.ts";
import {
  enterRoom,
  isMember,
  seesMembers,
  seesState,
  seesTalk,
  send,
  withWindows,
} from "../../windows.ts";

let serial = 0;
let fox: string;
let hen: string;

const [app, browser] = await browsedApp();

// Rooms of its own for each test: empty, and without a history.
beforeEach(() => {
  serial += 1;
  fox = `fox${serial}`;
  hen = `hen${serial}`;
});

test("two windows in a room talk to each other, and each message shows once", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    const bob = await enterRoom(open, app.url, "bob", { room: fox });

    await send(ann, "hello");
    await seesTalk(ann, ["me: hello (sent)"]);
    await seesTalk(bob, ["ann: hello"]);
    await send(bob, "good morning");
    await seesTalk(bob, ["ann: hello", "me: good morning (sent)"]);
    await seesTalk(ann, ["me: hello (sent)", "bob: good morning"]);
    assert.equal(await ann.locator("#messages time[datetime]").count(), 2);
  });
});

test("the same text twice is two messages, in the order they were written", async () => {
  await withWindows(browser, async (open) => {
    const [ann, bob] = await Promise.all([
      enterRoom(open, app.url, "ann", { room: fox }),
      enterRoom(open, app.url, "bob", { room: fox }),
    ]);
    const texts = ["again", "again", "in between", "again"];
    for (const text of texts) await send(ann, text);
    await seesTalk(
      ann,
      texts.map((text) => `me: ${text} (sent)`),
    );
    await seesTalk(
      bob,
      texts.map((text) => `ann: ${text}`),
    );
  });
});

test("who comes later reads what was said before, and it is no news", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    for (const text of ["one", "two"]) await send(ann, text);
    await seesTalk(ann, ["me: one (sent)", "me: two (sent)"]);
    const bob = await enterRoom(open, app.url, "bob", { room: fox });
    await seesTalk(bob, ["ann: one", "ann: two"]);
    assert.equal(await bob.title(), `Room ${fox} · koa-subapps`);
  });
});

test("rooms do not mix, and Back leads to the room before with its history", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    const bob = await enterRoom(open, app.url, "bob", { room: hen });
    await send(ann, "to the fox");
    await send(bob, "to the hen");
    await seesTalk(ann, ["me: to the fox (sent)"]);
    await seesTalk(bob, ["me: to the hen (sent)"]);

    await ann.getByLabel("Room", { exact: true }).fill(hen);
    await ann.getByRole("button", { name: "Enter" }).click();
    await seesTalk(ann, ["bob: to the hen"]);
    await seesMembers(ann, ["bob", "ann"]);
    await ann.goBack();
    await seesTalk(ann, ["me: to the fox"]);
    await seesMembers(bob, ["bob"]);
  });
});

test("without a name in the address a window gets a room of its own, and another at a click", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(`${app.url}#room`, { clientId: "ann" });
    await seesState(page, /^Connected to \/chat\/[a-z2-9]{6}\/ann$/);
    const first = await page.getByLabel("Room", { exact: true }).inputValue();
    assert.ok(page.url().endsWith(`#room/${first}`));
    assert.equal(await page.locator("#title").textContent(), `Room ${first}`);

    await page.getByRole("button", { name: "New room" }).click();
    await seesState(page, new RegExp(`^Connected to /chat/(?!${first})[a-z2-9]{6}/ann$`));
    const other = await open(`${app.url}#room`);
    await seesState(other, /^Connected/);
    assert.notEqual(await other.getByLabel("Room", { exact: true }).inputValue(), first);
  });
});

test("the link to the room can be copied, and the button says so", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "ann", {
      room: fox,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.locator("#copied", { hasText: "Copied" }).waitFor();
    const link = await page.evaluate<string>("navigator.clipboard.readText()");
    assert.equal(link, `${app.url}#room/${fox}`);

    const other = await open(link, { clientId: "bob" });
    await seesState(other, `Connected to /chat/${fox}/bob`);
    await seesMembers(page, ["ann", "bob"]);
  });
});

test("without a clipboard the link is shown, selected", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "ann", { room: fox });
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.getByRole("button", { name: "Copy link" }).click();
    const link = page.getByLabel("Link to this room");
    await link.waitFor();
    assert.equal(await link.inputValue(), `${app.url}#room/${fox}`);
    assert.equal(await page.evaluate("getSelection().toString()"), `${app.url}#room/${fox}`);
  });
});

test("members come and go as windows open and close", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    await seesMembers(ann, ["ann"]);
    const bob = await enterRoom(open, app.url, "bob", { room: fox });
    await seesMembers(ann, ["ann", "bob"]);
    await seesMembers(bob, ["ann", "bob"]);
    await bob.close();
    await seesMembers(ann, ["ann"]);
  });
});

test("two windows of the same name are one member, and both see what either says", async () => {
  await withWindows(browser, async (open) => {
    const bob = await enterRoom(open, app.url, "bob", { room: fox });
    const one = await enterRoom(open, app.url, "ann", { room: fox });
    const two = await enterRoom(open, app.url, "ann", { room: fox });
    await seesMembers(bob, ["bob", "ann"]);
    await send(one, "from one");
    await seesTalk(two, ["me: from one"]);
    await send(two, "from two");
    await seesTalk(one, ["me: from one (sent)", "me: from two"]);
    await one.close();
    await send(two, "still here");
    await seesTalk(bob, ["ann: from one", "ann: from two", "ann: still here"]);
    await seesMembers(bob, ["bob", "ann"]);
    await two.close();
    await seesMembers(bob, ["bob"]);
  });
});

test("a room and a name must follow the rule, and what was typed is there to be mended", async () => {
  await withWindows(browser, async (open) => {
    const page = await enterRoom(open, app.url, "ann", { room: fox });
    const fields = {
      name: page.getByLabel("Your name"),
      room: page.getByRole("textbox", { name: "Room" }),
    };
    for (const field of Object.values(fields)) {
      for (const bad of ["not a name", "<script>alert(1)</script>", "", "x".repeat(65), "a.b"]) {
        await field.fill(bad);
        assert.equal(await field.getAttribute("aria-invalid"), "true", bad);
        await field.press("Enter");
        assert.equal(await field.inputValue(), bad);
        await seesState(page, `Connected to /chat/${fox}/ann`);
      }
    }
    await fields.name.fill("Ann_1-2");
    assert.equal(await fields.name.getAttribute("aria-invalid"), "false");
    await fields.name.press("Enter");
    await seesState(page, `Connected to /chat/${fox}/Ann_1-2`);
    await isMember(page, "Ann_1-2");
    await seesMembers(page, ["Ann_1-2"]);
    await send(page, "it is me");
    await seesTalk(page, ["me: it is me (sent)"]);
  });
});

test("an address with a room that cannot be says so, and connects to nothing", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(`${app.url}#room/<script>alert(1)</script>`);
    await seesState(page, /^This cannot be a room's name\. Take 1 to 64 characters/);
    assert.equal(
      await page.getByLabel("Room", { exact: true }).getAttribute("aria-invalid"),
      "true",
    );
    assert.equal(await page.locator("#copyLink").isVisible(), false);
    assert.equal(await page.locator("#reconnect").isVisible(), false);
    await send(page, "is anybody here?");
    await page.locator("#hint", { hasText: "Your message stays here" }).waitFor();
    await page.getByRole("button", { name: "New room" }).click();
    await seesState(page, /^Connected to/);
  });
});

test("a window keeps its name and room over a reload, and another window has its own", async () => {
  await withWindows(browser, async (open) => {
    const first = await open(`${app.url}#room`);
    await seesState(first, "Connected to");
    const id = await first.getByLabel("Your name").inputValue();
    const address = first.url();
    await first.reload();
    await seesState(first, "Connected to");
    assert.equal(await first.getByLabel("Your name").inputValue(), id);
    assert.equal(first.url(), address);

    const second = await first.context().newPage();
    await second.goto(`${app.url}#room`);
    assert.notEqual(await second.getByLabel("Your name").inputValue(), id);
  });
});

test("markup from others is shown as text and does not run", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    const bob = await enterRoom(open, app.url, "bob", { room: fox });
    const texts = [
      "<script>document.title = 'owned'</script>",
      "<img src=x onerror=\"document.title = 'owned'\">",
    ];
    for (const text of texts) await send(ann, text);
    await seesTalk(
      bob,
      texts.map((text) => `ann: ${text}`),
    );
    assert.equal(await bob.locator("#messages :is(script, img)").count(), 0);
    assert.equal(await bob.title(), `Room ${fox} · koa-subapps`);
  });
});

test("the title counts what nobody has seen, in a hidden window or behind the other demo", async () => {
  await withWindows(browser, async (open) => {
    const ann = await enterRoom(open, app.url, "ann", { room: fox });
    const bob = await enterRoom(open, app.url, "bob", { room: fox });
    const page = await bob.locator("html").elementHandle();
    const titled = (title: string) =>
      bob.waitForFunction(({ page, title }) => page?.ownerDocument.title === title, {
        page,
        title,
      });

    await look(bob, "hidden");
    await send(ann, "one");
    await titled(`(1) Room ${fox} · koa-subapps`);
    await send(ann, "two");
    await titled(`(2) Room ${fox} · koa-subapps`);
    await look(bob, "visible");
    await titled(`Room ${fox} · koa-subapps`);
    await seesTalk(bob, ["ann: one", "ann: two"]);

    await bob.getByRole("link", { name: "Echo" }).click();
    await titled("Echo · koa-subapps");
    await send(ann, "three");
    await titled("(1) Echo · koa-subapps");
    await bob.getByRole("link", { name: "Room" }).click();
    await titled(`Room ${fox} · koa-subapps`);
    await seesTalk(bob, ["ann: one", "ann: two", "ann: three"]);
  });
});

/** A headless window is never hidden, so its word for it is taken. */
async function look(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  `);
}
