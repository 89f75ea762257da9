import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * The library as it is published: compiled once, so that a run measures one state of it. It lies
 * where the project's own packages are found. It is deleted with the
 * scope, or at the process's exit.
 */
export class Library implements Disposable {
  readonly #directory: string;

  /** @throws Error when it does not compile */
  constructor() {
    const cache = join(ROOT, "node_modules/.cache");
    mkdirSync(cache, { recursive: true });
    this.#directory = mkdtempSync(join(cache, "bench-"));
    process.once("exit", () => this[Symbol.dispose]());
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, endBy);
    writeFileSync(join(this.#directory, "package.json"), '{ "type": "module" }\n');
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const config = join(ROOT, "bench/tsconfig.library.json");
    const { status, signal, stdout } = spawnSync(tsc, ["-p", config, "--outDir", this.#directory], {
      encoding: "utf8",
    });
    if (status === 0) return;
    this[Symbol.dispose]();
    throw new Error(`lib/ does not compile (${signal ?? status}):\n${stdout}`);
  }

  /** What a contestant imports. */
  get url(): string {
    return pathToFileURL(join(this.#directory, "lib/index.js")).href;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function endBy(signal: string): void {
  process.stderr.write(`ended by ${signal}\n`);
  process.exit(130);
}
