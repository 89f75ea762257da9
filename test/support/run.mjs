// `npm test` runs every test/**/*.test.ts; `npm test -- test/lib` or a file's name runs those.
// Node 20's own runner takes no patterns, and no version of it minds a test that is skipped or a
// file without any.

import { setMaxListeners } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

// Twice what it may take on two cores, for a machine that is busy with something else.
const RUN_MS = 1_500_000;
const CONCURRENT_FILES = 3;

const asked = process.argv.slice(2).map((path) => resolve(path));
const roots = asked.length > 0 ? asked : [fileURLToPath(new URL("..", import.meta.url))];
for (const root of roots) {
  if (existsSync(root)) continue;
  console.error(`expected a test file or a directory of some, but there is no ${root}`);
  process.exit(1);
}
const files = roots.flatMap(testFiles).sort();

let failed = 0;
const complaints = files.length === 0 ? [`no test files in ${roots.join(", ")}`] : [];

// each file's process inherits this one's imports: tsx and its deadline
const signal = AbortSignal.timeout(RUN_MS);
setMaxListeners(0, signal); // every file listens to it
const stream = run({ files, concurrency: CONCURRENT_FILES, signal });
stream.on("test:pass", ({ name, file, skip }) => {
  if (skip !== undefined) complaints.push(`skipped: ${name}`);
  // a file in which nothing ran passes as if it were one test of that name
  if (file !== undefined && resolve(name) === file) complaints.push(`no tests in ${file}`);
});
stream.on("test:fail", () => {
  failed += 1;
});
stream.compose(new spec()).pipe(process.stdout);

process.on("exit", (code) => {
  for (const complaint of complaints) console.error(complaint);
  process.exitCode = code || (failed > 0 || complaints.length > 0 ? 1 : 0);
});

/** @param {string} path */
function testFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, String(name)))
    .filter((name) => name.endsWith(".test.ts"));
}
