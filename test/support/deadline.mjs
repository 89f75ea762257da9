// Loaded into every test file's process: one that has not ended by then says what holds it, and
// fails. What Node's own timeout covers, the file or each test, changes between its versions.

import process from "node:process";

const FILE_MS = Number(process.env.TEST_FILE_MS ?? 180_000);

if (process.env.NODE_TEST_CONTEXT !== undefined) {
  setTimeout(() => {
    const held = process.getActiveResourcesInfo().join(", ");
    console.error(`${process.argv[1]} has not ended after ${FILE_MS} ms; it is held by: ${held}`);
    process.exit(1);
  }, FILE_MS).unref();
}
