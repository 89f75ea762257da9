// The map of the house names files: each is there, and no folder is left out.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "./support/snippets.ts";

const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");

/** The longest source file, module of the page and test, in lines. */
const MOST_LINES = { lib: 250, public: 250, test: 400 };

describe("CONTRIBUTING.md", () => {
  test("names paths that are there", () => {
    const paths = [...text.matchAll(/`((?:apps|bench|docs|lib|public|test)\/[\w./-]*)`/g)];
    assert.ok(paths.length > 40);
    for (const [, path = ""] of paths) assert.ok(existsSync(join(ROOT, path)), path);
  });

  test("has a line for each folder of lib/", () => {
    const entries = readdirSync(join(ROOT, "lib"), { withFileTypes: true });
    for (const entry of entries.filter((each) => each.isDirectory())) {
      assert.match(text, new RegExp(`^\\| \`lib/${entry.name}/\` \\|`, "m"));
    }
  });
});

for (const [folder, most] of Object.entries(MOST_LINES)) {
  test(`no source file of ${folder}/ has more than ${most} lines`, () => {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
    const long = names
      .filter((name) => /\.(ts|js|mjs)$/.test(name))
      .filter(
        (name) => readFileSync(join(ROOT, folder, name), "utf8").split("\n").length - 1 > most,
      );
    assert.deepEqual(long, []);
  });
}
