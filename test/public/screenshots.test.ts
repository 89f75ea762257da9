import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { type AppProcess, startApp } from "../support/app-process.ts";
import { launchBrowser } from "../support/browser.ts";
import { type OpenWindow, seesMessages, seesState, send, withWindows } from "./windows.ts";

const DIRECTORY = fileURLToPath(new URL("../screenshots/", import.meta.url));

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 640 };

let app: AppProcess;
let browser: Browser;

before(async () => {
  await mkdir(DIRECTORY, { recursive: true });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

beforeEach(async () => {
  app = await startApp();
});

afterEach(async () => {
  await app?.kill();
});

for (const [name, options] of Object.entries({
  "wide-light": { viewport: WIDE, colorScheme: "light" },
  "wide-dark": { viewport: WIDE, colorScheme: "dark" },
  "narrow-light": { viewport: NARROW, colorScheme: "light" },
  "narrow-dark": { viewport: NARROW, colorScheme: "dark" },
} satisfies Record<string, BrowserContextOptions>)) {
  test(`the page can be looked at: ${name}`, async () => {
    await withWindows(browser, async (open) => {
      // Without motion, a picture never catches a message half way in.
      const page = await open(app.url, { ...options, reducedMotion: "reduce", clientId: "me" });
      await seesState(page, "Connected to /ws/");
      await send(page, "Hello, server");
      await seesMessages(page, ["Message text was: Hello, server"]);
      await shoot(page, `echo-${name}`);

      const ann = await open(`${app.url}#room`, { clientId: "ann" });
      await seesState(ann, "Connected to /chat/ann");
      await page.getByRole("link", { name: "Room" }).click();
      await seesState(page, "Connected to /chat/me");
      await send(ann, "Is anybody here?");
      await seesMessages(page, ["Client #ann says: Is anybody here?"]);
      await send(page, "Yes, two windows away.");
      await seesMessages(ann, [
        "You wrote: Is anybody here?",
        "Client #ann says: Is anybody here?",
        "Client #me says: Yes, two windows away.",
      ]);
      await ann.close();
      await seesMessages(page, [
        "Client #ann says: Is anybody here?",
        "You wrote: Yes, two windows away.",
        "Client #me says: Yes, two windows away.",
        "Client #ann left the chat",
      ]);
      await shoot(page, `room-${name}`);
    });
  });
}

test("the page can be looked at while the server is away", async () => {
  const body = async (open: OpenWindow) => {
    const page = await open(`${app.url}#room`, {
      viewport: NARROW,
      colorScheme: "light",
      reducedMotion: "reduce",
      clientId: "me",
    });
    await seesState(page, "Connected to /chat/me");
    await app.kill();
    await seesState(page, "Connection lost");
    await page.getByLabel("Your client id").fill("no spaces, please");
    await send(page, "Is anybody still there?");
    await shoot(page, "room-away");
  };
  await withWindows(browser, body, { expected: /^WebSocket connection to .* failed/ });
});

async function shoot(page: Page, name: string): Promise<void> {
  const path = join(DIRECTORY, `${name}.png`);
  await page.screenshot({ path });
  assert.ok((await stat(path)).size > 1000);
}
