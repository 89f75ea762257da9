import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ContestantName } from "./workload.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

// What the quick form leaves out is a devDependency here, so that it installs less.
const NEEDS: Partial<Record<ContestantName, string>> = {
  ws: "ws",
  koa: "koa",
  fastify: "fastify",
  hono: "hono",
  "express-ws": "express-ws",
  "socket-io": "socket.io",
};
const QUICK: readonly ContestantName[] = ["ws", "koa"];

/**
 * Installs the contestants' packages if they are not there.
 *
 * @throws Error when npm cannot
 */
export function install(contestants: readonly ContestantName[]): void {
  const missing = contestants.filter((name) => {
    const directory = NEEDS[name];
    return directory !== undefined && !existsSync(`${HERE}node_modules/${directory}`);
  });
  if (missing.length === 0) return;
  const few = missing.every((name) => QUICK.includes(name));
  const args = ["ci", "--prefix", HERE, "--no-audit", "--no-fund", "--loglevel=error"];
  if (few) args.push("--omit=dev");
  process.stderr.write(`installing ${missing.join(", ")}: npm ${args.join(" ")}\n`);
  const { status, error } = spawnSync("npm", args, { stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  throw new Error(
    `the contestants' packages could not be installed from the registry (${error?.message ?? `npm ended with ${status}`}); ` +
      "try: npm ci --prefix bench",
  );
}
