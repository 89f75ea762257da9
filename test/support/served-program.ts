import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after } from "node:test";

const DEADLINE_MS = 60_000;
const ROOT = new URL("../../", import.meta.url);

/** A program that imports the framework, as `main.ts` does, in a process that ends with the test. */
export class ServedProgram {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output = { out: "", err: "" };
  /** Its exit code, or null when a signal has ended it. */
  readonly exit: Promise<number | null>;

  /**
   * @param program its lines, after the imports of `App`, `run` and `serve`
   * @param env variables beside the inherited ones and a free `PORT`
   */
  constructor(program: string, env: Record<string, string> = {}) {
    const source = `import { App, run, serve } from "koa-subapps";\n${program}`;
    this.child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "--eval", source],
      { cwd: ROOT, env: { ...process.env, PORT: "0", ...env } },
    );
    after(() => this.child.kill("SIGKILL"));
    for (const [name, stream] of [
      ["out", this.child.stdout],
      ["err", this.child.stderr],
    ] as const) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.output[name] += chunk;
      });
    }
    const signal = AbortSignal.timeout(DEADLINE_MS);
    this.exit = once(this.child, "close", { signal }).then(([code]) => code);
    this.exit.catch(() => {});
  }

  /** Waits until it has printed something that matches, and gives it. */
  async prints(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = this.output.out.match(pattern);
      if (match) return match[0];
      const signal = AbortSignal.timeout(DEADLINE_MS);
      await once(this.child.stdout as NodeJS.ReadableStream, "data", { signal }).catch((cause) => {
        throw new Error(`expected ${pattern}, but got ${JSON.stringify(this.output)}`, { cause });
      });
    }
  }

  /** Waits for its address. */
  url(): Promise<string> {
    return this.prints(/http:\/\/127\.0\.0\.1:\d+\//);
  }

  /** The lines of its log that have an event of this name. */
  events(name: string): Record<string, unknown>[] {
    const lines = this.output.out.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line)).filter(({ event }) => event === name);
  }
}
