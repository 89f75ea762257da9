import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browsedApp } from "../../support/browsed.ts";
import { openPlayedRoom } from "../views/chat/played-room.ts";
import { isMember, seesMembers, seesState, seesTalk, send, withWindows } from "../windows.ts";

const [app, browser] = await browsedApp();

describe("a room and a name", () => {
  test("of any script are shown as they are, and stand encoded in addresses", async () => {
    await withWindows(browser, async (open) => {
      const page = await open(`${app.url}#room/房間`);
      const name = page.getByLabel("Your name");
      const link = `${app.url}#room/${encodeURIComponent("房間")}`;
      await seesState(page, /^Connected to \/chat\/房間\/[a-z2-9]{6}$/);
      await name.fill("小明");
      await name.press("Enter");
      await seesState(page, "Connected to /chat/房間/小明");
      await isMember(page, "小明");
      assert.equal(await page.locator("#title").textContent(), "Room 房間");
      assert.equal(await page.title(), "Room 房間 · koa-subapps");
      assert.equal(await page.getByRole("textbox", { name: "Room" }).inputValue(), "房間");
      assert.equal(await page.locator("#roomLink").inputValue(), link);
      assert.equal(
        await page.getByRole("link", { name: "Room" }).getAttribute("href"),
        new URL(link).hash,
      );

      const other = await open(link, { clientId: "Ольга-२" });
      await isMember(other, "Ольга-२");
      await seesMembers(page, ["小明", "Ольга-२"]);
      await send(page, "你好");
      await seesTalk(other, ["小明: 你好"]);
      await page.reload();
      await isMember(page, "小明");
      await seesTalk(page, ["me: 你好"]);
      assert.equal(page.url(), link);
    });
  });

  test("typed in two spellings are one: the composed one goes to the server", async () => {
    await withWindows(browser, async (open) => {
      const page = await open(`${app.url}#room/cafe\u0301`);
      await seesState(page, /^Connected to \/chat\/caf\u00e9\//);
      await page.getByLabel("Your name").fill("Rene\u0301");
      await page.getByLabel("Your name").press("Enter");
      await isMember(page, "Ren\u00e9");
      await page.getByRole("textbox", { name: "Room" }).fill("한글");
      await page.getByRole("textbox", { name: "Room" }).press("Enter");
      await seesState(page, "Connected to /chat/한글/Ren\u00e9");
    });
  });

  test("with what cannot be seen are refused with the rule, as are too long ones", async () => {
    const bad = [
      "a b",
      "a\u200bb",
      "\u3164",
      "a\u202eb",
      "a\u00adb",
      "房\u3000間",
      "a\ufe0f",
      "😀",
      "房".repeat(65),
    ];
    await withWindows(browser, async (open) => {
      const { page } = await openPlayedRoom(open, app.url);
      for (const field of [
        page.getByLabel("Your name"),
        page.getByRole("textbox", { name: "Room" }),
      ]) {
        for (const name of bad) {
          await field.fill(name);
          assert.equal(await field.getAttribute("aria-invalid"), "true", JSON.stringify(name));
        }
        for (const name of ["房".repeat(64), "שָׁלוֹם", "𠮷".repeat(64), "नमस्ते", "٣"]) {
          await field.fill(name);
          assert.equal(await field.getAttribute("aria-invalid"), "false", name);
        }
      }
      await page.getByText("letters, marks and digits of any script").waitFor();
    });
  });

  for (const link of ["%E6%88", "%", "%FF", "a%2Fb", "a/b", "%E2%80%8B"]) {
    test(`in a link that reads ${link} are refused in words, and connect to nothing`, async () => {
      await withWindows(browser, async (open) => {
        const page = await open("about:blank");
        let connections = 0;
        await page.routeWebSocket(/\/chat\//, () => {
          connections += 1;
        });
        await page.goto(`${app.url}#room/${link}`);
        await seesState(page, /^This cannot be a room's name\. Take 1 to 64 characters/);
        assert.equal(await page.locator("#copyLink").isVisible(), false);
        assert.equal(connections, 0);
        await page.getByRole("textbox", { name: "Room" }).fill("fox");
        await page.getByRole("textbox", { name: "Room" }).press("Enter");
        await seesState(page, "Connected to /chat/fox/");
      });
    });
  }
});

test("on a phone the list of members leaves the room's name and its panel in sight", async () => {
  const members = ["me", ...Array.from({ length: 150 }, (_, index) => `member-${index}`)];
  for (const height of [844, 600, 480]) {
    await withWindows(browser, async (open) => {
      const { page } = await openPlayedRoom(
        open,
        app.url,
        { members },
        { viewport: { width: 390, height } },
      );
      await page.locator("#members summary").click();
      await page.locator("#members[open]").waitFor();
      await page.locator("#memberList li").last().scrollIntoViewIfNeeded();
      for (const id of ["#title", "#members summary", "#settings summary", "#messageText"]) {
        const { y = -1, height: tall = 0 } = (await page.locator(id).boundingBox()) ?? {};
        assert.ok(y >= 0 && y + tall <= height, `${id} at ${y} of ${height} pixels`);
        const isSeen = await page.locator(id).evaluate((it) => {
          const { x, y, width, height } = it.getBoundingClientRect();
          const top = it.ownerDocument.elementFromPoint(x + width / 2, y + height / 2);
          return it.contains(top) || top?.contains(it) === true;
        });
        assert.ok(isSeen, `${id} is covered at ${height} pixels`);
      }
    });
  }
});
