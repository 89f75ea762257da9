import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Program } from "./program.ts";
import { ROOT } from "./snippets.ts";

/** How long the files may stay after their last test, for most of these tests. */
const LEFT_MS = 4_000;

/** Test files that end, and some that leave something open. */
const FILES: Readonly<Record<string, string>> = {
  timer: `test("passes", () => {
  setInterval(() => {}, 1_000);
});`,
  client: `test("passes", async () => {
  const client = await TestClient.start(new App());
  await client.fetch("/");
});`,
  both: `test("passes", async () => {
  await TestClient.start(new App());
  new WebSocketServer({ port: 0 });
});`,
  failing: `test("passes", () => {});
test("fails", async () => {
  await TestClient.start(new App());
  throw new Error("of the test");
});`,
  late: `test("passes", () => {});
await new Promise((resolve) => setTimeout(resolve, 100));
test("begins late", async () => {
  await new Promise((resolve) => setTimeout(resolve, ${LEFT_MS + 1_000}));
});`,
  lateLeft: `test("passes", () => {});
await new Promise((resolve) => setTimeout(resolve, 100));
test("begins late", async () => {
  await TestClient.start(new App());
});`,
  slowHook: `const client = await TestClient.start(new App());
after(async () => {
  await new Promise((resolve) => setTimeout(resolve, ${LEFT_MS + 1_000}));
  await client.close();
});
test("passes", () => {});`,
  tidy: `test("passes", async () => {
  await using client = await TestClient.start(new App());
  setInterval(() => {}, 1_000).unref();
});`,
};

let folder = "";

before(async () => {
  // Within the project, whose packages they use, but not among its tests: a run may be killed.
  folder = await mkdtemp(join(ROOT, ".left-"));
  for (const [name, text] of Object.entries(FILES)) {
    const imports = `import { after, test } from "node:test";
import { WebSocketServer } from "ws";
import { App } from "koa-subapps";
import { TestClient } from "koa-subapps/testing";
void [WebSocketServer, App, TestClient, after];
`;
    await writeFile(join(folder, `${name}.test.ts`), imports + text);
  }
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs some of the files as `npm test` does. */
async function run(names: readonly string[], env: Record<string, string> = {}) {
  const files = names.map((name) => join(folder, `${name}.test.ts`)).join(" ");
  const command = `node --import tsx --import ./test/support/deadline.mjs test/support/run.mjs ${files}`;
  await using program = new Program(command, { cwd: ROOT, env });
  return await program.ends();
}

test("a file that leaves a timer ends within ten seconds after its last test, and names the line", async () => {
  const { code, output } = await run(["timer"]);
  assert.equal(code, 1);
  assert.match(output, /✔ passes/);
  const [, ms] = /is still there (\d+) ms after its last test/.exec(output) ?? [];
  assert.ok(Number(ms) < 10_000, output);
  assert.match(output, /timer created at .*timer\.test\.ts:7:3/);
});

test("files that leave clients fail with the lines that started them, beside what their tests say", async () => {
  const { code, output } = await run(["client", "both", "failing", "lateLeft"], {
    TEST_LEFT_MS: String(LEFT_MS),
  });
  assert.equal(code, 1);
  assert.equal(output.match(/is still there/g)?.length, 4);
  assert.match(output, /TestClient started at .*client\.test\.ts:7:35/);
  assert.match(output, /TestClient started at .*both\.test\.ts:7:20/);
  assert.match(output, /server created at .*both\.test\.ts:8:3/);
  assert.match(output, /TestClient started at .*failing\.test\.ts:8:20/);
  assert.match(output, /TestClient started at .*lateLeft\.test\.ts:9:20/);
  assert.match(output, /✖ fails/);
  assert.match(output, /of the test/);
});

test("files that leave nothing pass, also when tests begin late and hooks take long", async () => {
  const { code, output } = await run(["late", "slowHook", "tidy"], {
    TEST_LEFT_MS: String(LEFT_MS),
  });
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /is still there/);
});
