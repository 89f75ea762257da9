// That the benchmark runs: every workload of its quick form, with ws, koa and ours. What it
// measures is not looked at.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const WORKLOADS = ["echo", "fan-out", "rooms", "handshake", "get", "memory", "slow-member"];
/** The first run installs what is compared with; the benchmark itself takes a quarter of it. */
const RUN_MS = 160_000;

interface Sample {
  readonly workload: string;
  readonly contestant: string;
  readonly cost: number;
}

// It installs from the registry what it needs; if it cannot, it says so and this fails.
test("the quick form of the benchmark runs every workload", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bench-"));
  try {
    const file = join(directory, "bench.json");
    const args = ["--import", "tsx", "bench/run.ts", "--quick", "--json", file];
    await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: RUN_MS });
    const { samples }: { samples: Sample[] } = JSON.parse(await readFile(file, "utf8"));
    for (const workload of WORKLOADS) {
      const measured = samples.filter((sample) => sample.workload === workload);
      const contestants = measured.map(({ contestant }) => contestant).sort();
      assert.deepEqual(contestants, ["koa", "ours", "ws"], workload);
      for (const { cost } of measured) assert.ok(Number.isFinite(cost), `${workload}: ${cost}`);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
