import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Memory } from "./memory.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MEMORY = fileURLToPath(new URL("memory.ts", import.meta.url));
const START_MS = 120_000;

/** A memory sample and when it was taken, in minutes since the start. */
export interface Sample extends Memory {
  readonly minute: number;
}

/** The real `main.ts` under observation, in a process of its own. */
export class ServerProcess {
  /** What it printed that is no ordinary line: errors, warnings, and what is not of the log. */
  readonly complaints: string[] = [];
  readonly samples: Sample[] = [];
  /** What it exited with, each time. */
  readonly exits: (number | string | null)[] = [];
  url = "";
  #child: ChildProcess | undefined;
  readonly #startedAt = performance.now();

  /** Whether it runs. */
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && !this.#child.signalCode;
  }

  /** Starts it, on the port it had. */
  async start(): Promise<void> {
    const { PATH, HOME } = process.env;
    const port = this.url ? new URL(this.url).port : "0";
    const child = spawn(
      process.execPath,
      ["--expose-gc", "--import", "tsx", "--import", MEMORY, "main.ts"],
      {
        cwd: ROOT,
        env: { PATH, HOME, HOST: "127.0.0.1", PORT: port, LOG_LEVEL: "info" },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      },
    );
    this.#child = child;
    process.once("exit", () => child.kill("SIGKILL"));
    child.on("message", (memory: Memory) => {
      this.samples.push({ ...memory, minute: (performance.now() - this.#startedAt) / 60_000 });
    });
    const listening = new Promise<void>((resolve) => {
      const read = (line: string) => {
        if (this.#read(line)) resolve();
      };
      for (const stream of [child.stdout, child.stderr]) byLine(stream, read);
    });
    child.once("exit", (code, signal) => this.exits.push(code ?? signal));
    const late = setTimeout(() => child.kill("SIGKILL"), START_MS);
    await Promise.race([
      listening,
      once(child, "exit").then(() => {
        throw new Error(`the server did not start:\n${this.complaints.join("\n")}`);
      }),
    ]);
    clearTimeout(late);
  }

  /** Sends SIGTERM and waits for the exit. */
  async stop(): Promise<void> {
    if (!this.running || !this.#child) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }

  // True for the line that says where it listens.
  #read(line: string): boolean {
    try {
      const { level, event, url } = JSON.parse(line);
      if (level >= 40) this.complaints.push(line);
      if (event === "listening") this.url = url;
      return event === "listening";
    } catch {
      this.complaints.push(line);
      return false;
    }
  }
}

function byLine(stream: NodeJS.ReadableStream | null, read: (line: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) read(line);
  });
}
