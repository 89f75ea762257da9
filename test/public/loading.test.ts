import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { App, createLog, type Serving, serve } from "koa-subapps";
import type { Browser } from "playwright-core";
import { echo } from "../../apps/echo/index.ts";
import { createSite } from "../../apps/site/index.ts";
import { launchBrowser } from "../support/browser.ts";
import { seesState, withWindows } from "./windows.ts";

const PUBLIC = fileURLToPath(new URL("../../public/", import.meta.url));

/** What was asked for, and the status of the answer: a browser shows a 304 as what it stands for. */
const answers: [path: string, status: number][] = [];
let folder: string;
let serving: Serving;
let browser: Browser;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "koa-subapps-public-"));
  await cp(PUBLIC, folder, { recursive: true });
  const app = new App().mount("/ws", echo).mount("/", createSite(folder));
  app.use(async (ctx, next) => {
    await next();
    if (ctx.status !== 101) answers.push([ctx.path, ctx.status]);
  });
  [serving, browser] = await Promise.all([
    serve(app, { port: 0, log: createLog({ level: "silent" }) }),
    launchBrowser(),
  ]);
});

after(async () => {
  await browser?.close();
  await serving?.close();
  await rm(folder, { recursive: true, force: true });
});

test("the first view comes compressed, all of it asked for by the page itself, and then only asked about", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(serving.url);
    await seesState(page, "Connected to /ws/");
    const loaded = await page.evaluate<Loaded[]>(`
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .map(({ name, encodedBodySize, decodedBodySize }) => ({ name, encodedBodySize, decodedBodySize }))
    `);
    for (const { name, encodedBodySize, decodedBodySize } of loaded) {
      assert.ok(encodedBodySize < decodedBodySize, name);
    }
    const sum = (of: (file: Loaded) => number) => loaded.reduce((all, it) => all + of(it), 0);
    const [sent, whole] = [sum((it) => it.encodedBodySize), sum((it) => it.decodedBodySize)];
    assert.ok(sent < whole / 2, `${sent} of ${whole} bytes`);

    answers.length = 0;
    await page.reload();
    await seesState(page, "Connected to /ws/");
    assert.ok(answers.length > loaded.length / 2, "they were asked about");
    assert.deepEqual(
      answers.filter(([, status]) => status !== 304),
      [],
    );
  });
});

interface Loaded {
  readonly name: string;
  readonly encodedBodySize: number;
  readonly decodedBodySize: number;
}

test("the page names every module of its first view, and no other", async () => {
  const modules = new Set<string>();
  const follow = async (name: string): Promise<void> => {
    if (modules.has(name)) return;
    modules.add(name);
    if (name.startsWith("vendor/")) return;
    const text = await readFile(join(PUBLIC, name), "utf8");
    for (const [, next = ""] of text.matchAll(/^(?:import|export) [^;]*?"(\.\.?\/[^"]+)";$/gms)) {
      await follow(posix.join(posix.dirname(name), next));
    }
  };
  await follow("main.js");
  modules.delete("main.js");
  const page = await readFile(join(PUBLIC, "index.html"), "utf8");
  const named = [...page.matchAll(/<link rel="modulepreload" href="([^"]+)"/g)].map(([, it]) => it);
  assert.deepEqual(named, [...modules].sort());
});

test("a new version with the date and the size of the one before shows at the next visit", async () => {
  await withWindows(browser, async (open) => {
    const page = await open(serving.url);
    await seesState(page, "Connected to /ws/");
    const file = join(folder, "page/texts/en.js");
    const text = await readFile(file, "utf8");
    const next = text.replaceAll("Connected to", "Conversing w");
    await writeFile(`${file}.new`, next);
    // npm's date, which every file of every version has.
    await utimes(`${file}.new`, new Date("1985-10-26T08:15:00Z"), new Date("1985-10-26T08:15:00Z"));
    await rename(`${file}.new`, file);
    await page.goto(`${serving.url}?again`);
    await seesState(page, "Conversing w /ws/");
  });
});
