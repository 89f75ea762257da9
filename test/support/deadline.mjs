// Loaded into every test file's process: one that does not end says what holds it, and fails.
// That is some seconds after its last test, for whoever forgot to close something; and for a test
// that never ends, whatever Node's own timeout covers, which changes between its versions.

import { AsyncResource } from "node:async_hooks";
import process from "node:process";
import { after, afterEach, beforeEach } from "node:test";
import { isMainThread } from "node:worker_threads";

const FILE_MS = Number(process.env.TEST_FILE_MS ?? 180_000);
// Longer than a connection is kept that fetch has done with (4 s), and less than a person waits.
const LEFT_MS = Number(process.env.TEST_LEFT_MS ?? 8_000);

// A worker thread inherits this import too, and knows no TypeScript yet when it comes to it.
if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined) {
  const { Leftovers } = await import("../../lib/testing/leftovers.ts");
  const leftovers = new Leftovers();
  /** @param {string} how */
  const fail = (how) => {
    // The pipes of standard output are Node's own, and hold nothing.
    const made = leftovers.list().filter((line) => !line.endsWith("by Node itself"));
    const held = [...Leftovers.clients(), ...made, ...process.getActiveResourcesInfo()];
    console.error(`${process.argv[1]} ${how}; it is held by:\n  ${held.join("\n  ")}`);
    process.exit(1);
  };
  setTimeout(fail, FILE_MS, `has not ended after ${FILE_MS} ms`).unref();

  /** @type {NodeJS.Timeout | undefined} */
  let left;
  const arm = () => {
    clearTimeout(left);
    const how = `is still there ${LEFT_MS} ms after its last test: close or clear what it left`;
    left = setTimeout(fail, LEFT_MS, how).unref();
  };

  // The file's own hooks of this kind, which may close something, are to come first: this adds
  // one behind them, outside of any test, when the first of them runs.
  const afterAll = AsyncResource.bind(after);
  after(() => {
    ended = true;
    afterAll(arm);
  });

  // Those run when no test is left that is known, and only once. A module that waits may add some.
  let ended = false;
  let running = 0;
  beforeEach(() => {
    running++;
    clearTimeout(left);
  });
  afterEach(() => {
    running--;
    if (ended && running === 0) arm();
  });
}
