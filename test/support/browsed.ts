import { after } from "node:test";
import type { Browser } from "playwright-core";
import { type AppProcess, startApp } from "./app-process.ts";
import { launchBrowser } from "./browser.ts";

/**
 * Starts the app and a browser for all tests of the file that calls this at its top, and ends them
 * after the last one.
 *
 * @throws what starting either of them throws, when the other one has been ended
 */
export function browsedApp(): Promise<[AppProcess, Browser]> {
  return browsed(startApp, (app) => app.kill());
}

/**
 * The same for a server of the test's own.
 *
 * @param start starts what the browser looks at
 * @param end ends it, once the browser is closed
 */
export async function browsed<Served>(
  start: () => Promise<Served>,
  end: (served: Served) => Promise<unknown>,
): Promise<[Served, Browser]> {
  const starting = [start(), launchBrowser()] as const;
  after(async () => {
    const [served, browser] = await Promise.allSettled(starting);
    if (browser.status === "fulfilled") await browser.value.close();
    if (served.status === "fulfilled") await end(served.value);
  });
  return Promise.all(starting);
}
