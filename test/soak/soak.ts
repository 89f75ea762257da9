// `npm run soak -- <minutes> [seed] [restarts]`: the real server under a mixed load with chaos.
// It ends with a table, and with exit code 1 for a loss, a duplicate, a message out of order,
// an unexpected close, an error of the server or a crash.

import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "./server.ts";
import { rows, verdict } from "./table.ts";
import { Tally } from "./tally.ts";

const CLIENTS = fileURLToPath(new URL("clients.ts", import.meta.url));
const RESTART_EVERY_MS = 60_000;
/** What the clients may take to settle their accounts at the end. */
const SETTLE_MS = 120_000;

const numbers = process.argv.slice(2).map(Number);
const restarts = process.argv.includes("restarts");
const [minutes = Number.NaN, seed = 1] = numbers.filter((number) => !Number.isNaN(number));
if (!(minutes > 0)) {
  console.error("usage: npm run soak -- <minutes> [seed] [restarts]");
  process.exit(2);
}

const server = new ServerProcess();
await server.start();
console.log(
  `soak: ${minutes} min, seed ${seed}, ${restarts ? "a restart every minute" : "no restarts"}; ` +
    `Node ${process.versions.node}, ${os.cpus().length} cores`,
);

const ms = minutes * 60_000;
const clients = spawn(
  process.execPath,
  ["--import", "tsx", CLIENTS, server.url, String(ms), String(seed), restarts ? "restarts" : ""],
  { stdio: ["ignore", "inherit", "inherit", "ipc"] },
);
process.once("exit", () => clients.kill("SIGKILL"));
let tally = new Tally();
let settled = false;
clients.on("message", (message: Tally & { done?: boolean }) => {
  tally = Object.assign(new Tally(), message);
  settled ||= message.done === true;
});
const ended = once(clients, "exit");
const over = AbortSignal.timeout(ms + SETTLE_MS);
over.addEventListener("abort", () => clients.kill("SIGKILL"));

if (restarts) {
  for (let at = RESTART_EVERY_MS; at < ms - RESTART_EVERY_MS / 4; at += RESTART_EVERY_MS) {
    await sleep(RESTART_EVERY_MS);
    await server.stop();
    await server.start();
  }
}
await ended;
if (!server.running) server.complaints.push("the server ended before its time");
await server.stop();

const result = { minutes, tally, settled, server };
for (const [name, value] of rows(result)) console.log(`${name.padEnd(36)} ${value}`);
for (const line of server.complaints.slice(0, 20)) console.log(`server: ${line}`);
const problems = verdict(result);
console.log(problems.length === 0 ? "passed" : `failed: ${problems.join("; ")}`);
process.exitCode = problems.length === 0 ? 0 : 1;
