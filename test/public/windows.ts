import assert from "node:assert/strict";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

/** How long a condition on a page may take to come true. */
export const DEADLINE = 15_000;

/** What a window is like, and which client id it kept from earlier. */
export interface WindowOptions extends BrowserContextOptions {
  clientId?: string;
}

/** Opens one more window on `url`; each is a context of its own, as another person's would be. */
export type OpenWindow = (url: string, options?: WindowOptions) => Promise<Page>;

/**
 * Runs `body` with windows that are closed afterwards, whatever happens, and fails when a page
 * complained: an error on its console, an uncaught exception or a violation of its security policy.
 */
export async function withWindows(
  browser: Browser,
  body: (open: OpenWindow) => Promise<void>,
  { expected }: { expected?: RegExp } = {},
): Promise<void> {
  const complaints: string[] = [];
  const contexts: BrowserContext[] = [];
  try {
    await body(async (url, { clientId, ...options } = {}) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      if (clientId !== undefined) {
        await context.addInitScript(`sessionStorage.setItem("clientId", "${clientId}")`);
      }
      const page = await context.newPage();
      page.setDefaultTimeout(DEADLINE);
      page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") {
          complaints.push(message.text());
        }
      });
      await page.goto(url);
      return page;
    });
  } finally {
    await Promise.all(contexts.map((context) => context.close()));
  }
  assert.deepEqual(
    complaints.filter((complaint) => !expected?.test(complaint)),
    [],
  );
}

/** Waits until the list of messages on the page is exactly `texts`. */
export async function seesMessages(page: Page, texts: string[]): Promise<void> {
  const list = await page.locator("#messages").elementHandle();
  await page
    .waitForFunction(
      ({ list, wanted }) =>
        JSON.stringify([...(list?.children ?? [])].map((item) => item.textContent)) === wanted,
      { list, wanted: JSON.stringify(texts) },
    )
    .catch(async () =>
      assert.deepEqual(await page.locator("#messages li").allTextContents(), texts),
    );
}

/** Waits until the state line of the shown demo says `text`, or something that matches it. */
export async function seesState(page: Page, text: string | RegExp): Promise<void> {
  await page
    .locator("#stateText", { hasText: text })
    .waitFor()
    .catch(async () =>
      assert.fail(`the state is "${await page.locator("#stateText").textContent()}"`),
    );
}

/** Types `text` into the composer and presses Enter. */
export async function send(page: Page, text: string): Promise<void> {
  await page.locator("#messageText").fill(text);
  await page.locator("#messageText").press("Enter");
}
