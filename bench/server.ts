import { writeFile } from "node:fs/promises";
import { type Profiler, Session } from "node:inspector/promises";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { answerCalls } from "./call.ts";
import type { Plan } from "./plan.ts";

// The process of one contestant: node server.ts <name>

interface Contestant {
  listen(plan: Plan): Promise<number>;
}

const GC_ROUNDS = 5;
const GC_EVERY_MS = 100;
const SETTLED_EVERY_MS = 20;
/** Microseconds between two samples of a profile: ten times as often as by default. */
const PROFILE_EVERY_US = 100;

const session = new Session();

answerCalls({
  async listen(plan: Plan): Promise<number> {
    const { listen }: Contestant = await import(`./contestants/${process.argv[2]}.ts`);
    return listen(plan);
  },

  /** Microseconds of CPU this process has used, all threads. */
  cpu(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  /** Bytes of resident memory after garbage collection. */
  async memory(): Promise<number> {
    for (let round = 0; round < GC_ROUNDS; round++) {
      globalThis.gc?.();
      await pause(GC_EVERY_MS);
    }
    return process.memoryUsage.rss();
  },

  // Without a collection of garbage: V8 throws compiled code away when it sees it unused for a few.
  async settled(): Promise<void> {
    while (process.getActiveResourcesInfo().includes("TCPSocketWrap"))
      await pause(SETTLED_EVERY_MS);
  },

  // By the inspector, not by `--cpu-prof`, which gives the same file for the whole life of the
  // process: modules being loaded, warming up and all.
  async startProfile(): Promise<void> {
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: PROFILE_EVERY_US });
    await session.post("Profiler.start");
  },

  async stopProfile(file: string): Promise<void> {
    const { profile }: Profiler.StopReturnType = await session.post("Profiler.stop");
    await writeFile(file, JSON.stringify(profile));
    session.disconnect();
  },
});
