// What each attack of this directory costs, alone, while a hundred clients talk. Run by hand:
//
//   node --import tsx test/attacks/together/measure.ts [seconds] [a checkout of the project]
//
// It starts main.ts of that checkout with a heap of 256 MiB and prints a line of JSON for each.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Child } from "../faults/child.ts";
import type { Answers, Siege } from "./attackers.ts";
import { Crowd } from "./crowd.ts";

const HERE = fileURLToPath(new URL("../../..", import.meta.url));
const [seconds = "10", root = HERE] = process.argv.slice(2);
const SAMPLES = 10;
/** Of a clock tick of /proc/(pid)/stat, in seconds (proc(5)). */
const TICK_S = 0.01;
const ATTACKS = [
  ...["longQueries", "pipelined", "uploads", "controlTexts", "histories"],
  ...["comings", "guesses", "twoHosts", "handshakes"],
];

for (const only of [undefined, ...ATTACKS]) console.log(JSON.stringify(await measure(only)));
process.exit();

async function measure(only: string | undefined): Promise<Record<string, unknown>> {
  const { PATH, HOME } = process.env;
  const server = spawn(
    process.execPath,
    ["--max-old-space-size=256", "--import", "tsx", "main.ts"],
    {
      cwd: root,
      env: { PATH, HOME, PORT: "0", ADMIN_TOKEN: "the operator's own token" },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  process.once("exit", () => server.kill("SIGKILL"));
  const url = await listening(server.stdout);
  const { host, port } = url;
  const crowd = await Crowd.gather(`ws://${host}`, host);
  await using attackers = new Child("../together/attackers.ts");
  crowd.talk();
  const before = await look(server.pid);
  const place = { host, port: Number(port), maxBodyBytes: 100 * 1024 * 1024 };
  const none = { place, only: only ?? "none" };
  await attackers.ask("begin", none satisfies Siege);
  let most = before;
  for (let sample = 0; sample < SAMPLES && server.exitCode === null; sample++) {
    await pause((Number(seconds) * 1_000) / SAMPLES);
    const now = await look(server.pid).catch(() => most);
    most = {
      cpu: now.cpu,
      mib: Math.max(most.mib, now.mib),
      files: Math.max(most.files, now.files),
    };
  }
  const answers = await attackers.ask<Answers>("end");
  crowd.hush();
  const faults = new Set(crowd.talkers.filter((talker) => talker.faults.length > 0)).size;
  const ended = server.exitCode ?? server.signalCode ?? "no";
  server.kill("SIGKILL");
  return {
    attack: only ?? "none",
    cores: Number(((most.cpu - before.cpu) / Number(seconds)).toFixed(2)),
    mib: [before.mib, most.mib],
    files: [before.files, most.files],
    harmed: faults,
    ended,
    answers: answers[only ?? ""],
  };
}

async function listening(output: NodeJS.ReadableStream): Promise<URL> {
  for (let text = ""; ; ) {
    const [chunk] = await once(output, "data");
    text += chunk;
    const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(text) ?? [];
    if (found === undefined) continue;
    output.resume();
    return new URL(found);
  }
}

/** CPU seconds, memory and open files of a process. */
async function look(pid = 0): Promise<{ cpu: number; mib: number; files: number }> {
  const [stat, status] = await Promise.all(
    ["stat", "status"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8")),
  );
  const [user = 0, system = 0] =
    (stat ?? "").split(") ")[1]?.split(" ").slice(11).map(Number) ?? [];
  const mib = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status ?? "")?.[1]) / 1024);
  const files = (await readdir(`/proc/${pid}/fd`)).length;
  return { cpu: (user + system) * TICK_S, mib, files };
}
