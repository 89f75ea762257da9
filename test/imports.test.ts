// The direction of imports (main.ts → apps → lib, no cycles) is a lint rule.
// This runs the linter, with the project's own configuration, on a small project full of bad
// imports, so that the rule is known to reject them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const direction = "lint/style/noRestrictedImports";
const cycles = "lint/suspicious/noImportCycles";

// file, what it imports, the rule that must refuse it
type Row = [file: string, specifier: string, rule?: string];

const refused: Row[] = [
  ["lib/a.ts", "../main.ts", direction],
  ["lib/b.ts", "../apps/echo/index.ts", direction],
  ["lib/c.ts", "./../apps/echo/index.ts", direction],
  ["lib/d.ts", "./broker/../../apps/echo/index.ts", direction],
  ["lib/e.ts", "koa-subapps", direction],
  ["lib/broker/a.ts", "../../main.ts", direction],
  ["lib/broker/b.ts", "../../apps/echo/index.ts", direction],
  ["lib/broker/deep/a.ts", "../../../main.ts", direction],
  ["lib/broker/deep/b.ts", "../../../apps/echo/index.ts", direction],
  ["apps/x/a.ts", "../echo/index.ts", direction],
  ["apps/x/b.ts", "../../apps/echo/index.ts", direction],
  ["apps/x/c.ts", "../../main.ts", direction],
  ["apps/x/d.ts", "../../lib/index.ts", direction],
  ["apps/x/e.ts", "../../lib/testing/index.ts", direction],
  ["apps/x/f.ts", "./../echo/index.ts", direction],
  ["apps/x/g.ts", "./own/../../echo/index.ts", direction],
  ["apps/x/h.ts", "koa-subapps/testing", direction],
  ["apps/x/own/a.ts", "../../echo/index.ts", direction],
  ["apps/x/own/b.ts", "../../../main.ts", direction],
  ["apps/x/own/c.ts", "../../../lib/index.ts", direction],
  ["apps/x/own/deep/a.ts", "../../../echo/index.ts", direction],
  ["apps/x/own/deep/b.ts", "../../../../main.ts", direction],
  ["apps/x/own/deep/c.ts", "../../../../lib/index.ts", direction],
  ["apps/x/own/deep/d.ts", "../own/../../../echo/index.ts", direction],
  ["public/page/a.js", "../views/chat/room.js", direction],
  ["public/page/b.js", "../main.js", direction],
  ["public/views/x/a.js", "../tasks/tasks.js", direction],
  ["public/views/x/b.js", "../../main.js", direction],
  ["public/views/x/c.js", "../../views/tasks/tasks.js", direction],
  ["public/views/x/d.js", "./../tasks/tasks.js", direction],
  ["main-lib.ts", "./lib/index.ts", direction],
  ["test/a.test.ts", "../lib/index.ts", direction],
  ["test/lib/b.test.ts", "../../lib/testing/index.ts", direction],
  ["lib/ring-a.ts", "./ring-b.ts", cycles],
  ["lib/ring-b.ts", "./ring-c.ts", cycles],
  ["lib/ring-c.ts", "./ring-a.ts", cycles],
];

// The floors of lib/: a folder imports only from the floors after its own.
const FLOORS = [
  ["testing"],
  ["server"],
  ["app"],
  ["route", "observe"],
  ["topic", "upgrade"],
  ["connection", "context"],
  ["http"],
  ["loop", "broker"],
];

const allowed: Row[] = [
  ["main.ts", "koa-subapps"],
  ["main-too.ts", "./apps/echo/index.ts"],
  ["lib/index.ts", "./app/app.ts"],
  ["lib/app/app.ts", "koa"],
  ["lib/f.ts", "node:http"],
  ["lib/g.ts", "./broker/memory/memory.ts"],
  ["lib/broker/memory/memory.ts", "../broker.ts"],
  ["lib/broker/memory/own.ts", "./memory.ts"],
  ["lib/broker/memory/close.ts", "../../close-codes.ts"],
  ["apps/echo/index.ts", "koa-subapps"],
  ["apps/x/index.ts", "./own/index.ts"],
  ["apps/x/packages.ts", "koa"],
  ["apps/x/own/index.ts", "../names.ts"],
  ["apps/x/own/lib.ts", "koa-subapps"],
  ["apps/x/own/deep/index.ts", "../../names.ts"],
  ["apps/x/own/deep/lib.ts", "koa-subapps"],
  ["test/c.test.ts", "koa-subapps/testing"],
  ["public/main.js", "./views/x/e.js"],
  ["public/page/c.js", "./names.js"],
  ["public/page/d.js", "../vendor/partysocket/ws.js"],
  ["public/views/x/e.js", "./own.js"],
  ["public/views/x/f.js", "../../page/names.js"],
  ["test/lib/app/app.test.ts", "../../../lib/app/app.ts"],
];

for (const [floor, rooms] of FLOORS.entries()) {
  for (const room of rooms) {
    allowed.push([`lib/${room}/z-options.ts`, "../options.ts"]);
    allowed.push([`lib/${room}/z-close-codes.ts`, "../close-codes.ts"]);
    for (const [otherFloor, others] of FLOORS.entries()) {
      for (const other of others.filter((name) => name !== room)) {
        const row: Row = [`lib/${room}/z-${other}.ts`, `../${other}/${other}.ts`];
        if (otherFloor > floor) allowed.push(row);
        else refused.push([row[0], row[1], direction]);
      }
    }
  }
}

test("the floors name every folder of lib/", async () => {
  const entries = await readdir(join(root, "lib"), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.deepEqual(folders.sort(), FLOORS.flat().sort());
});

let folder = "";
let findings: Map<string, string[]>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "koa-subapps-imports-"));
  for (const name of ["biome.json", "package.json", ".gitignore"]) {
    await copyFile(join(root, name), join(folder, name));
  }
  for (const [file, specifier] of [...refused, ...allowed]) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `import "${specifier}";\n`);
  }
  await writeFile(join(folder, "apps/x/names.ts"), "export {};\n");
  findings = await lint(folder);
});

after(() => rm(folder, { recursive: true, force: true }));

for (const [file, specifier, rule] of refused) {
  test(`${file} may not import ${specifier}`, () => {
    assert.deepEqual(findings.get(file), [rule]);
  });
}

for (const [file, specifier] of allowed) {
  test(`${file} may import ${specifier}`, () => {
    assert.equal(findings.get(file), undefined);
  });
}

test("every way to write an import is refused, type imports included", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "koa-subapps-imports-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const name of ["biome.json", "package.json", ".gitignore"]) {
    await copyFile(join(root, name), join(directory, name));
  }
  await mkdir(join(directory, "lib"));
  const forms = {
    "type.ts": 'import type { Echo } from "../apps/echo/index.ts";\nexport type E = Echo;\n',
    "export.ts": 'export { echo } from "../apps/echo/index.ts";\n',
    "export-all.ts": 'export * from "../apps/echo/index.ts";\n',
    "dynamic.ts": 'export const echo = await import("../apps/echo/index.ts");\n',
    "value.mjs": 'import { echo } from "../apps/echo/index.ts";\necho.use();\n',
  };
  for (const [name, source] of Object.entries(forms)) {
    await writeFile(join(directory, "lib", name), source);
  }
  const found = await lint(directory);
  for (const name of Object.keys(forms)) {
    assert.deepEqual(found.get(`lib/${name}`), [direction], name);
  }
});

/** The errors that the two rules give, by file. */
async function lint(directory: string): Promise<Map<string, string[]>> {
  const biome = createRequire(import.meta.url).resolve("@biomejs/biome/bin/biome");
  const args = [biome, "lint", "--reporter=json", "--max-diagnostics=none", "."];
  const stdout = await new Promise<string>((resolve) => {
    // biome leaves with 1 when it finds something, which it should: only what it says counts
    execFile(process.execPath, args, { cwd: directory, timeout: 30_000 }, (_error, out) =>
      resolve(out),
    );
  });
  const report = JSON.parse(stdout) as {
    diagnostics: { category: string; severity: string; location: { path: string } }[];
  };
  const byFile = new Map<string, string[]>();
  for (const { category, severity, location } of report.diagnostics) {
    if (severity !== "error" || ![direction, cycles].includes(category)) continue;
    byFile.set(location.path, [...(byFile.get(location.path) ?? []), category]);
  }
  return byFile;
}
