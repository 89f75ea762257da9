// Loaded into every test file's process: one that does not end says what holds it, and fails.
// That is some seconds after its last test, for whoever forgot to close something; and for a test
// that never ends, whatever Node's own timeout covers, which changes between its versions.

import process from "node:process";
import { after, beforeEach } from "node:test";
import { Leftovers } from "../../lib/testing/leftovers.ts";

const FILE_MS = Number(process.env.TEST_FILE_MS ?? 180_000);
// Longer than a connection is kept that fetch has done with (4 s), and less than a person waits.
const LEFT_MS = Number(process.env.TEST_LEFT_MS ?? 8_000);

if (process.env.NODE_TEST_CONTEXT !== undefined) {
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
  // It runs whenever no test is left that is known; a module that waits may add some.
  after(() => {
    const how = `is still there ${LEFT_MS} ms after its last test: close or clear what it left`;
    left = setTimeout(fail, LEFT_MS, how).unref();
  });
  beforeEach(() => clearTimeout(left));
}
