// Does background work disturb the connections of its process? Echo round trips while four
// wordcount tasks are submitted and done, against those of the same server when it is
// idle, before and after, in several rounds.
//
//   node --import tsx bench/tasks-latency.ts
//
// Server, uploads and the stopwatch each have a process, so that none waits for another's loop.

import { fork } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { createTasks } from "../apps/tasks/index.ts";
import { App, createLog, serve } from "../lib/index.ts";

const ROUNDS = 5;
const TASKS = 4;
const TEXT_BYTES = 50 * 1024 * 1024;
const IDLE_ROUND_TRIPS = 3_000;
const PAUSE_MS = 2;
const SAMPLE_RSS_MS = 50;

const file = fileURLToPath(import.meta.url);
const [role, url = ""] = process.argv.slice(2);
if (role === "server") await server();
else if (role === "uploads") await uploads(url);
else await stopwatch();

/** Serves, says where, and then what memory it has. */
async function server(): Promise<void> {
  const app = new App().mount("/tasks", createTasks());
  // The stopwatch says more in a second than people may.
  app.websocket("/ws/", { messagesPerSecond: 10_000 }, async (socket) => {
    for await (const text of socket) await socket.send(text);
  });
  const serving = await serve(app, { port: 0, log: createLog({ level: "silent" }) });
  process.send?.(serving.url);
  process.on("message", () => process.send?.(process.memoryUsage.rss()));
  process.on("disconnect", () => void serving.close());
}

/** Submits the texts at once and follows them to their end. */
async function uploads(base: string): Promise<void> {
  const text = someText();
  // Clients are elsewhere as a rule, and take no core of the server's.
  setPriority(constants.priority.PRIORITY_LOW);
  process.send?.("ready");
  await once(process, "message");
  const submitted = await Promise.all(
    Array.from({ length: TASKS }, async () => {
      const headers = { "Content-Type": "text/plain" };
      const response = await fetch(`${base}tasks/wordcount`, {
        method: "POST",
        body: text,
        headers,
      });
      return (await response.json()) as { events: string };
    }),
  );
  process.send?.("running");
  const states = await Promise.all(submitted.map(({ events }) => lastOf(events)));
  process.send?.(states.join(", "));
  process.disconnect?.();
}

async function lastOf(events: string): Promise<string> {
  const socket = new WebSocket(events);
  let last = { status: "", result: { words: 0 } };
  socket.on("message", (data) => {
    last = JSON.parse(data.toString());
  });
  await once(socket, "close");
  return `${last.status} with ${last.result?.words} words`;
}

// Words of a few alphabets, long and short, most of them rare, as words are.
function someText(): Buffer<ArrayBuffer> {
  const alphabets = ["abcdefghijklmnopqrstuvwxyz", "αβγδεζηθικλμνοπρστυφχψω", "абвгдежзиклмнопрст"];
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  const word = () => {
    const letters = [...(alphabets[random(alphabets.length)] ?? "")];
    return Array.from({ length: 2 + random(18) }, () => letters[random(letters.length)]).join("");
  };
  const words = Array.from({ length: 200_000 }, word);
  const chunks: Buffer[] = [];
  for (let bytes = 0; bytes < TEXT_BYTES; ) {
    const line = Array.from({ length: 12 }, () => words[Math.floor(random(447) ** 2)]).join(" ");
    const chunk = Buffer.from(`${line}\n`);
    chunks.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
}

async function stopwatch(): Promise<void> {
  const child = fork(file, ["server"]);
  const [base] = (await once(child, "message")) as [string];
  const rss = async () => {
    child.send("rss");
    return ((await once(child, "message")) as [number])[0];
  };
  const socket = new WebSocket(`${base.replace("http", "ws")}ws/`);
  await once(socket, "open");
  const cutOff = (code: number) => {
    throw new Error(`expected the echo to stay, but it was closed ${code}`);
  };
  socket.on("close", cutOff);
  await roundTrips(socket, (done) => done < IDLE_ROUND_TRIPS); // warm
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await oneRound(socket, base, rss));
  reportAll(rounds, await rss());
  socket.off("close", cutOff).terminate();
  child.disconnect();
}

/** Round trips of one round, in milliseconds, by what the server did meanwhile; and its memory. */
interface Round {
  readonly idle: number[];
  readonly uploading: number[];
  readonly running: number[];
  readonly before: number;
  readonly peak: number;
}

// Idle before and after the tasks: a machine's own stalls come and go.
async function oneRound(
  socket: WebSocket,
  base: string,
  rss: () => Promise<number>,
): Promise<Round> {
  const sample = (more: (done: number) => boolean) => roundTrips(socket, more);
  const uploader = fork(file, ["uploads", base]);
  await once(uploader, "message");
  const idle = await sample((done) => done < IDLE_ROUND_TRIPS / 2);
  const before = await rss();
  let [phase, outcome] = ["uploading", ""];
  uploader.on("message", (message) => {
    phase = phase === "uploading" ? "running" : "ended";
    outcome = String(message);
  });
  uploader.send("go");
  let peak = before;
  const watch = (async () => {
    for (; phase !== "ended"; await pause(SAMPLE_RSS_MS)) peak = Math.max(peak, await rss());
  })();
  const uploading = await sample(() => phase === "uploading");
  const running = await sample(() => phase === "running");
  await watch;
  idle.push(...(await sample((done) => done < IDLE_ROUND_TRIPS / 2)));
  console.log(`${TASKS} tasks of ${TEXT_BYTES / 2 ** 20} MiB: ${outcome}`);
  return { idle, uploading, running, before, peak };
}

function reportAll(rounds: readonly Round[], after: number): void {
  for (const phase of ["idle", "uploading", "running"] as const) {
    const times = rounds.flatMap((round) => round[phase]);
    const [median, high] = [quantile(times, 0.5), p99(times)].map((ms) => `${ms.toFixed(2)} ms`);
    console.log(`${phase}: ${times.length} round trips, p50 ${median}, p99 ${high}`);
  }
  const all = rounds.map(({ uploading, running }) => [...uploading, ...running]);
  const idle = rounds.map((round) => round.idle);
  console.log(
    `p99 against idle, running: ${ratios(
      idle,
      rounds.map((round) => round.running),
    )}`,
  );
  console.log(`p99 against idle, with the uploads: ${ratios(idle, all)}`);
  const [before, peak] = [rounds[0]?.before ?? 0, Math.max(...rounds.map((round) => round.peak))];
  console.log(`RSS: ${mib(before)} before, ${mib(peak)} at most, ${mib(after)} after`);
}

function ratios(idle: readonly number[][], busy: readonly number[][]): string {
  const each = idle.map((times, i) => p99(busy[i] ?? []) / p99(times));
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => quantile(each, q).toFixed(2));
  const all = (p99(busy.flat()) / p99(idle.flat())).toFixed(2);
  return `${all} times over all rounds; in a round ${median} (${low} to ${high})`;
}

async function roundTrips(socket: WebSocket, more: (done: number) => boolean): Promise<number[]> {
  const times: number[] = [];
  while (more(times.length)) {
    const start = performance.now();
    socket.send("hello");
    await once(socket, "message");
    times.push(performance.now() - start);
    await pause(PAUSE_MS);
  }
  return times;
}

function quantile(times: readonly number[], q: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)] ?? Number.NaN;
}

function p99(times: readonly number[]): number {
  return quantile(times, 0.99);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
