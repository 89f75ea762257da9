import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page, Route } from "playwright-core";
import { Puppet } from "../../../apps/tasks/support/puppet.ts";
import { DEADLINE, type OpenWindow, seesState, type WindowOptions } from "../../windows.ts";

/** A file as Playwright gives it to a page. */
export interface TextFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** A small text file. */
export function textFile(name: string, text = "one two", mimeType = "text/plain"): TextFile {
  return { name, mimeType, buffer: Buffer.from(text) };
}

/** A file whose task does what a test tells it to, once a worker has begun it. */
export interface PuppetFile extends Disposable {
  readonly puppet: Puppet;
  readonly file: TextFile;
}

/** Makes one, as long as need be. */
export function puppetFile(name: string, bytes = 100): PuppetFile {
  const puppet = new Puppet();
  const file = textFile(name, `puppet ${puppet.name} `.padEnd(bytes, "x"));
  return { puppet, file, [Symbol.dispose]: () => puppet[Symbol.dispose]() };
}

// No timer of this many milliseconds: the page asks about tasks of which it has heard nothing for
// so long, and would find out late what it should have been told.
const NO_SILENCE = `
  const set = window.setTimeout;
  window.setTimeout = (act, ms, ...rest) => (ms === 10_000 ? 0 : set(act, ms, ...rest));
`;

/** Opens a window on the tasks, and waits until it is told of them. */
export async function openTasks(
  open: OpenWindow,
  url: string,
  options: WindowOptions = {},
): Promise<Page> {
  const page = await open("about:blank", options);
  await page.addInitScript(NO_SILENCE);
  await page.goto(`${url}#tasks`);
  await seesState(page, "Connected to /tasks/");
  return page;
}

/** Chooses files, as the dialogue of the browser does. */
export async function choose(page: Page, ...files: TextFile[]): Promise<void> {
  const large = files.some(({ buffer }) => buffer.length > INLINE_BYTES);
  await page.locator("#files").setInputFiles(large ? await pathsOf(files) : files);
}

/** Longer ones go to the browser by their paths: by Playwright's pipe a busy machine takes too long. */
const INLINE_BYTES = 1024 * 1024;

// In the temporary folder that each of these test files has of its own, and removes.
async function pathsOf(files: readonly TextFile[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "chosen-"));
  return Promise.all(
    files.map(async ({ name, buffer }) => {
      const path = join(folder, name);
      await writeFile(path, buffer);
      return path;
    }),
  );
}

/** The row of a file on the page. */
export function rowOf(page: Page, name: string): Locator {
  return page.locator(".task").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

/** Waits until the row of a file says how it is, in exactly these words or such that match. */
export async function seesTask(page: Page, name: string, status: string | RegExp): Promise<void> {
  const line = rowOf(page, name).locator(".status");
  const exact = typeof status === "string" ? new RegExp(`^${escaped(status)}$`) : status;
  await line
    .filter({ hasText: exact })
    .waitFor({ timeout: 2 * DEADLINE })
    .catch(async () => assert.fail(`${name}: ${(await line.allTextContents()).join(" | ")}`));
}

/** Presses a button of a row. */
export async function press(page: Page, button: string, name: string): Promise<void> {
  await page.getByRole("button", { name: `${button}: ${name}`, exact: true }).click();
}

/** The names of the files on the page, from top to bottom. */
export function names(page: Page): Promise<string[]> {
  return page.locator(".task .file").allTextContents();
}

/** A result with so many words, the first of which is there most often. */
export function resultOf(count: number) {
  const top = Array.from({ length: count }, (_, index) => ({
    word: `word${index + 1}`,
    count: count - index,
  }));
  return { lines: 12, words: (count * (count + 1)) / 2, bytes: 34_567, top };
}

/** Checks what a row shows of such a result. */
export async function seesResult(page: Page, name: string, count: number): Promise<void> {
  const row = rowOf(page, name);
  const { lines, words, bytes } = resultOf(count);
  const totals = [lines, words, bytes].map((number) => number.toLocaleString("en"));
  assert.deepEqual(await row.locator("dd").allTextContents(), totals);
  const table = row.getByRole("table", { name: `The ${count} most frequent words` });
  assert.equal(await table.locator("tbody tr").count(), count);
  const first = await table.locator("tbody tr").first().locator("th, td").allTextContents();
  assert.deepEqual(first.slice(0, 2), ["word1", String(count)]);
  const chart = row.getByRole("img", { name: /as bars; the table has them all$/ });
  const widths = await chart
    .locator("rect")
    .evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  assert.equal(widths.length, Math.min(count, 10));
  assert.deepEqual(
    widths,
    widths.toSorted((a, b) => b - a),
  );
  const part = (widths.at(-1) ?? 0) / (widths[0] ?? 1);
  assert.ok(Math.abs(part - (count - widths.length + 1) / count) < 0.01, `${part}`);
}

/** Holds requests that upload before they reach the server, until they are released. */
export async function holdUploads(page: Page) {
  const held: Route[] = [];
  let count = 0;
  await page.route(/\/tasks\/wordcount$/, (route) => {
    count += 1;
    held.push(route);
  });
  return {
    get count() {
      return count;
    },
    async release(most: number) {
      for (const route of held.splice(0, most)) await route.continue();
    },
  };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
