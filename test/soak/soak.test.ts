import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOAK = fileURLToPath(new URL("soak.ts", import.meta.url));
const TEN_SECONDS = String(10 / 60);
const END_MS = 160_000;

test("ten seconds of mixed load with chaos lose, double and disorder nothing", async (t) => {
  const { PATH, HOME } = process.env;
  const soak = spawn(process.execPath, ["--import", "tsx", SOAK, TEN_SECONDS], {
    env: { PATH, HOME },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([t.signal, AbortSignal.timeout(END_MS)]),
  });
  let output = "";
  for (const stream of [soak.stdout, soak.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(soak, "close");
  assert.equal(code, 0, output);
  for (const line of output.trim().split("\n")) t.diagnostic(line);
});
