import assert from "node:assert/strict";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

/** An element in the page; the tests are compiled without the browser's own types. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Element = any;

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
        // Once: a name that is changed later is kept over a reload. Not in about:blank, which has
        // nothing to keep it in.
        await context.addInitScript(`if (location.protocol !== "about:") {
          sessionStorage["koa-subapps:1:clientId"] ??= JSON.stringify("${clientId}");
        }`);
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

/**
 * Waits until the room shows exactly `lines`: `ann: hello` by others, `me: hello (sent)` by the
 * window itself with the message's state, and `— text` for a line across.
 */
export async function seesTalk(page: Page, lines: string[]): Promise<void> {
  const list = await page.locator("#messages").elementHandle();
  await page
    .waitForFunction(talk, { list, wanted: JSON.stringify(lines) })
    .catch(async () => assert.deepEqual(await page.evaluate(talk, { list }), lines));
}

/** Runs in the page: the list as lines, or whether they are those wanted. */
function talk({ list, wanted }: { list: Element; wanted?: string }): string[] | boolean {
  // No function with a name: the compiler would wrap it in a helper that the page does not have.
  const lines = [...(list?.children ?? [])].map((line) => {
    const [who, text] = [".who", ".text"].map((part) => line.querySelector(part)?.textContent);
    const { from, state } = line.dataset;
    if (from === "notice") return `— ${line.textContent}`;
    return from === "me" ? `me: ${text}${state ? ` (${state})` : ""}` : `${who}: ${text}`;
  });
  return wanted === undefined ? lines : JSON.stringify(lines) === wanted;
}

/** Waits until the members of the room are exactly `ids`, and their number says so too. */
export async function seesMembers(page: Page, ids: string[]): Promise<void> {
  const list = await page.locator("#memberList").elementHandle();
  await page
    .waitForFunction(names, { list, wanted: JSON.stringify(ids) })
    .catch(async () => assert.deepEqual(await page.evaluate(names, { list }), ids));
  assert.equal(await page.locator("#memberCount").textContent(), String(ids.length));
}

/** Runs in the page, see {@link talk}. */
function names({ list, wanted }: { list: Element; wanted?: string }): string[] | boolean {
  const ids = [...(list?.children ?? [])].map((item) => item.firstChild?.textContent);
  return wanted === undefined ? ids : JSON.stringify(ids) === wanted;
}

/** Opens a window in a room, and waits until it has been welcomed there. */
export async function enterRoom(
  open: OpenWindow,
  url: string,
  clientId: string,
  { room = "fox", ...options }: WindowOptions & { room?: string } = {},
): Promise<Page> {
  const page = await open(`${url}#room/${room}`, { ...options, clientId });
  await seesState(page, `Connected to /chat/${room}/${clientId}`);
  await isMember(page, clientId);
  return page;
}

/** Waits until the window knows itself among the members: it has been welcomed. */
export async function isMember(page: Page, clientId: string): Promise<void> {
  await page
    .locator("#memberList li", { hasText: new RegExp(`^${clientId} (you|你)$`) })
    .waitFor({ state: "attached" });
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

/** What Chromium itself logs about an attempt that failed; no page can prevent it. */
export const FAILED_ATTEMPT = /^WebSocket connection to .* failed/;

/** What it logs about an answer that is no success, or none. */
export const FAILED_REQUEST = /^Failed to load resource: /;

/** What it logs of both kinds. */
export const FAILED = new RegExp(`${FAILED_ATTEMPT.source}|${FAILED_REQUEST.source}`);

/** Types `text` into the composer and presses Enter. */
export async function send(page: Page, text: string): Promise<void> {
  await page.locator("#messageText").fill(text);
  await page.locator("#messageText").press("Enter");
}
