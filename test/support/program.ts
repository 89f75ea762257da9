import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const START_MS = 30_000;
const END_MS = 60_000;

/** How a program ended and what it printed, on both streams. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A program of a test: it has a deadline, and its whole process group ends with the scope. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = "";
  #ended = false;
  #changed = () => {};

  /**
   * @param command a line for the shell, so that it can be the one a document shows
   * @param options `cwd`, variables beside the few that are inherited, and what is typed
   */
  constructor(
    command: string,
    options: { cwd: string; env?: Record<string, string>; input?: string },
  ) {
    const { PATH, HOME } = process.env;
    this.#child = spawn("/bin/sh", ["-c", command], {
      cwd: options.cwd,
      // Nothing else: a variable that happens to be set must not change what is tested.
      env: { PATH, HOME, PYTHONUTF8: "1", PYTHONUNBUFFERED: "1", ...options.env },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdin?.on("error", () => {}); // it may end without reading
    if (options.input === undefined) this.#child.stdin?.end();
    else this.#child.stdin?.write(options.input);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#changed();
      });
    }
    this.#closed = once(this.#child, "close").finally(() => {
      this.#ended = true;
      this.#changed();
    });
    this.#closed.catch(() => {});
    process.once("exit", this.#kill);
  }

  /** Waits until it has printed something that matches. */
  async prints(pattern: RegExp): Promise<string> {
    const deadline = AbortSignal.timeout(START_MS);
    deadline.addEventListener("abort", () => this.#changed());
    for (;;) {
      const [found] = pattern.exec(this.#output) ?? [];
      if (found !== undefined) return found;
      if (deadline.aborted || this.#ended) {
        throw new Error(`expected ${pattern}, but it printed:\n${this.#output}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Waits until it has ended. */
  async ends(): Promise<Ended> {
    const late = AbortSignal.timeout(END_MS);
    late.addEventListener("abort", this.#kill);
    await this.#closed;
    if (late.aborted)
      throw new Error(`has not ended in ${END_MS} ms; it printed:\n${this.#output}`);
    return { code: this.#child.exitCode, output: this.#output };
  }

  /** Sends its whole group a signal. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
  }

  /** Ends what is typed. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#closed;
    process.removeListener("exit", this.#kill);
  }

  readonly #kill = (): void => {
    try {
      this.signal("SIGKILL");
    } catch {
      // The group has ended.
    }
  };
}
