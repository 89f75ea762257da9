// What SECURITY.md says of each protection: its option is documented, and its test is there.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COLUMNS = "| Attack | Defence | Option, unit, default | The client sees | Test |";

const security = readFileSync(join(ROOT, "SECURITY.md"), "utf8");
const options = ["docs/options.md", "docs/hub.md", "README.md", "docs/deployment.md"]
  .map((path) => readFileSync(join(ROOT, path), "utf8"))
  .join("\n");

/** The rows of the tables of protections. */
const rows = security
  .split(COLUMNS)
  .slice(1)
  .flatMap((table) => (table.split("\n\n")[0] ?? "").trim().split("\n").slice(1))
  .map((line) => line.slice(1, -1).split("|"))
  .map((cells) => cells.map((cell) => cell.trim()));

describe("SECURITY.md", () => {
  test("has a row of five cells for each protection", () => {
    assert.ok(rows.length > 30, `${rows.length} rows`);
    for (const cells of rows) assert.equal(cells.length, 5, cells.join(" | "));
  });

  test("names a test for each, and all that it and docs/reliability.md name are there", () => {
    for (const [attack, , , , tests = ""] of rows) {
      assert.match(tests, /^test\/[^ ]+(?:, test\/[^ ]+)*$/, attack);
    }
    const reliability = readFileSync(join(ROOT, "docs/reliability.md"), "utf8");
    const named = `${security}\n${reliability}`.match(/\btest\/[\w./-]*\w/g) ?? [];
    for (const path of named) {
      const place = join(ROOT, path);
      assert.ok(existsSync(place), `${path} is not there`);
      const files = statSync(place).isDirectory() ? readdirSync(place) : [path];
      assert.ok(
        files.some((file) => /\.ts$/.test(file)),
        `${path} has no tests`,
      );
    }
  });

  test("names options that are documented", () => {
    for (const [attack, , option = ""] of rows) {
      // Others than these are values, headers and what options belong to.
      for (const [, name] of option.matchAll(/`([a-z]+[A-Z]\w+|[A-Z]+_[A-Z]+)`/g)) {
        const isThere = new RegExp(`\\b${name}\\b`).test(options);
        assert.ok(isThere, `${name}, of "${attack}", is in none of the documents of options`);
      }
    }
  });
});
