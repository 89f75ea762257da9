import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";
import { canPin } from "./child.ts";

/** How many files a process may hold open; Node raises its own limit to this at its start. */
export function descriptors(): number {
  const limit = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim();
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}

/** The machine in one line, with how busy it was. */
export function machine(): string {
  const cores = os.cpus();
  const load = os.loadavg()[0]?.toFixed(1);
  const pinned = canPin ? "server and client pinned to a core each" : "not pinned to cores";
  return `${cores.length} × ${cores[0]?.model.trim()}, ${os.type()} ${os.release()}, Node ${process.versions.node}, ${pinned}; load at the start ${load}`;
}

const PACKAGES = [
  "ws",
  "koa",
  "koa-mount",
  "koa-router",
  "koa-easy-ws",
  "fastify",
  "@fastify/websocket",
  "hono",
  "@hono/node-server",
  "express",
  "express-ws",
  "express-ws/node_modules/ws",
  "socket.io",
  "engine.io/node_modules/ws",
];

/** The contestants' versions, as installed. */
export function versions(): string {
  return PACKAGES.flatMap((name) => {
    const version = versionOf(name);
    if (version === undefined) return [];
    const [owner, its] = name.split("/node_modules/");
    return its ? `${its} ${version} (of ${owner})` : `${name} ${version}`;
  }).join(", ");
}

function versionOf(name: string): string | undefined {
  try {
    const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}
