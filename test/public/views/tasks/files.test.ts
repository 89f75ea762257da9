import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { ownFolder } from "../../../apps/tasks/support/folder.ts";
import { browsed } from "../../../support/browsed.ts";
import { FAILED_REQUEST, withWindows } from "../../windows.ts";
import { choose, holdUploads, openTasks, rowOf, seesTask, textFile } from "./task-list.ts";
import { cancelAll, startTasks } from "./task-server.ts";

ownFolder();

/** Texts, and what browsers declare them to be; on Windows a CSV belongs to Excel. */
const TEXTS = {
  "sheet.csv": "application/vnd.ms-excel",
  "data.json": "application/json",
  "config.yaml": "application/x-yaml",
  "dump.sql": "application/sql",
  "film.srt": "application/x-subrip",
  "Cargo.toml": "",
  "notes.png": "image/png",
  "video.ts": "video/mp2t",
};

/** 中文測試，請存成新的格式。 */
const BIG5 = Buffer.from("a4a4a4e5b4fab8d5a141bdd0a673a6a8b773aabaaee6a6a1a143", "hex");

const UTF16 = "This text is in UTF-16, and the server reads UTF-8. Save it as UTF-8";
const LIKE_BIG5 = "This text looks like Big5, and the server reads UTF-8. Save it as UTF-8";

/** Files that are no texts in UTF-8, and what is said of each. */
const OTHERS: Record<string, [bytes: Buffer, said: string]> = {
  "notepad.txt": [Buffer.from("\ufeffone two", "utf16le"), UTF16],
  "big endian.txt": [Buffer.from("\ufeffone two", "utf16le").swap16(), UTF16],
  "no mark.txt": [Buffer.from("one two\r\n", "utf16le"), UTF16],
  "no mark either.txt": [Buffer.from("你好\n再見\n", "utf16le"), UTF16],
  "old.txt": [BIG5, LIKE_BIG5],
  "short.txt": [BIG5.subarray(0, 4), LIKE_BIG5],
  "long.txt": [Buffer.concat([Buffer.alloc(1024 * 1024 - 1, "a "), BIG5]), ""],
  "latin.txt": [Buffer.from("Ärger bei 20 °C, und bei 30 °C «Öl»", "latin1"), ""],
  "nothing.txt": [Buffer.from([0]), "and this is none. Choose a text."],
  "program.txt": [Buffer.from("7f454c4602010100000000", "hex"), "and this is none. Choose a text."],
};

const [serving, browser] = await browsed(startTasks, (started) => started.close());

afterEach(() => cancelAll(serving));

describe("a file", () => {
  test("is a text by being UTF-8, whatever its declared type", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      const files = Object.entries(TEXTS).map(([name, type]) => textFile(name, "ein wörd", type));
      // A character of three bytes that the look at its beginning cuts in two.
      files.push(textFile("cut.txt", `${"a ".repeat(512 * 1024 - 1)}a房 間`));
      await choose(page, ...files);
      for (const { name } of files) await seesTask(page, name, "Done");
    });
  });

  test("in UTF-16, in Big5 or no text at all says what it is and what to do, and is not sent", async () => {
    await withWindows(
      browser,
      async (open) => {
        const page = await openTasks(open, serving.url);
        const sent: string[] = [];
        page.on("request", (request) => {
          if (request.method() === "POST") sent.push(request.postData() ?? "");
        });
        for (const [name, [buffer, said]] of Object.entries(OTHERS)) {
          await choose(page, { ...textFile(name), buffer });
          if (said === "") {
            // One does not know, or it shows at the end only: the server says what it is not.
            await seesTask(page, name, /^Failed: expected a text in UTF-8/);
            continue;
          }
          await seesTask(page, name, new RegExp(`^Not uploaded\\..*${said}`));
          const again = rowOf(page, name).getByRole("button", { name: "Try again" });
          assert.equal(await again.isVisible(), false, "it would be refused again");
        }
        assert.equal(sent.length, 2);
      },
      { expected: FAILED_REQUEST },
    );
  });

  test("that uploads is not called lost by a tab that is duplicated", async () => {
    await withWindows(browser, async (open) => {
      const page = await openTasks(open, serving.url);
      await holdUploads(page);
      await choose(page, ...["1", "2", "3", "4"].map((name) => textFile(`${name}.txt`)));
      await seesTask(page, "4.txt", "Waits for its turn to upload");
      // As when a tab is duplicated, the new one begins with a copy of what this one keeps.
      const opened = page.waitForEvent("popup");
      await page.evaluate(`void window.open(location.href)`);
      const copy = await opened;
      await copy.locator("#stateText", { hasText: "Connected" }).waitFor();
      assert.deepEqual(await copy.locator(".task").allTextContents(), []);
      await copy.reload();
      await copy.locator("#stateText", { hasText: "Connected" }).waitFor();
      assert.deepEqual(await copy.locator(".task").allTextContents(), []);
      await seesTask(page, "4.txt", "Waits for its turn to upload");
    });
  });
});
