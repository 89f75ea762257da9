import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { browsedApp } from "../../support/browsed.ts";
import { choose, seesTask, textFile } from "../views/tasks/task-list.ts";
import { isMember, type OpenWindow, seesState, seesTalk, send, withWindows } from "../windows.ts";

/** What each kind of a storage that is of no use does, as a script that runs before the page's. */
const BLOCKED = {
  "throws when it is touched": `for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, {
      get() { throw new DOMException("Access is denied for this document.", "SecurityError"); },
    });
  }`,
  "throws when it is used": `for (const name of ["getItem", "setItem", "removeItem", "key"]) {
    Storage.prototype[name] = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
  }`,
  "is not there": `for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { value: null });
  }`,
};

/** Leaves no room in either storage. */
const FILL = `for (const storage of [localStorage, sessionStorage]) {
  for (let length = 1 << 23; length >= 1; length >>= 1) {
    try { storage.setItem("filler" + length, "x".repeat(length)); } catch {}
  }
}`;

const FORGETFUL = /^Nothing here will be remembered/;

const [app, browser] = await browsedApp();

describe("a storage", () => {
  for (const [index, [does, script]] of Object.entries(BLOCKED).entries()) {
    test(`that ${does} costs the page its memory, and nothing else`, async () => {
      await withWindows(browser, async (open) => {
        const page = await openWith(open, script, `#room/blocked${index}`);
        await seesState(page, `Connected to /chat/blocked${index}/`);
        await send(page, "hello");
        await seesTalk(page, ["me: hello (sent)"]);
        await enter(page, `other${index}`);
        await send(page, "there");
        await seesTalk(page, ["me: there (sent)"]);
        await page.getByText(FORGETFUL).waitFor();
        await page.getByRole("link", { name: "Tasks" }).click();
        await choose(page, textFile("poem.txt", "one two"));
        await seesTask(page, "poem.txt", "Done");
      });
    });
  }

  test("that is full stops no change of room, and the page says that it remembers nothing", async () => {
    await withWindows(browser, async (open) => {
      const page = await openWith(open, "", "#room/roomy");
      await seesState(page, "Connected to /chat/roomy/");
      assert.equal(await page.getByText(FORGETFUL).count(), 0);
      await page.evaluate(FILL);
      await enter(page, "crowded");
      assert.equal(await page.locator("#title").textContent(), "Room crowded");
      await send(page, "it fits");
      await seesTalk(page, ["me: it fits (sent)"]);
      await page.getByText(FORGETFUL).waitFor();
      await page.getByLabel("Your name").fill("another");
      await page.getByLabel("Your name").press("Enter");
      await isMember(page, "another");
    });
  });

  test("with values of another app under its keys is used all the same", async () => {
    const foreign = `for (const storage of [localStorage, sessionStorage]) {
      for (const key of ["task list", "task 1", "uploads", "clientId", "room", "outbox x", "seen x"]) {
        storage.setItem(key, "plain text");
      }
    }`;
    await withWindows(browser, async (open) => {
      const page = await openWith(open, foreign, "#room");
      await seesState(page, /^Connected to \/chat\/[a-z2-9]{6}\/[a-z2-9]{6}$/);
      await send(page, "hello");
      await seesTalk(page, ["me: hello (sent)"]);
      assert.equal(await page.evaluate(`localStorage["task list"]`), "plain text");
      await page.getByRole("link", { name: "Tasks" }).click();
      await page.getByText("Nothing yet. Choose a text").waitFor();
    });
  });

  for (const [what, value] of Object.entries({
    "that is no JSON": "plain text",
    "that is null": "null",
    "of another form": '{"id":7,"offset":"x"}',
    "that is a list of others": '[null,[1,2],{"name":1}]',
  })) {
    test(`with a value ${what} is passed over and written anew`, async () => {
      const spoiled = `if (!sessionStorage.spoiled) for (const storage of [localStorage, sessionStorage]) {
        sessionStorage.spoiled = "yes";
        for (const key of ["task x", "uploads", "clientId", "room", "outbox sour milk", "seen sour", "draft room/sour"]) {
          storage.setItem("koa-subapps:1:" + key, ${JSON.stringify(value)});
        }
      }`;
      await withWindows(browser, async (open) => {
        const page = await openWith(open, spoiled, "#room/sour");
        await seesState(page, "Connected to /chat/sour/");
        await page.getByLabel("Your name").fill("milk");
        await page.getByLabel("Your name").press("Enter");
        await isMember(page, "milk");
        assert.equal(await page.getByText(FORGETFUL).count(), 0);
        await page.reload();
        await isMember(page, "milk");
        assert.equal(await page.evaluate(`localStorage["koa-subapps:1:task x"]`), undefined);
      });
    });
  }
});

async function openWith(open: OpenWindow, script: string, hash: string): Promise<Page> {
  const page = await open("about:blank");
  if (script !== "") {
    await page.addInitScript(`if (location.protocol !== "about:") { ${script} }`);
  }
  await page.goto(app.url + hash);
  return page;
}

async function enter(page: Page, room: string): Promise<void> {
  await page.getByRole("textbox", { name: "Room" }).fill(room);
  await page.getByRole("textbox", { name: "Room" }).press("Enter");
  await seesState(page, `Connected to /chat/${room}/`);
}
