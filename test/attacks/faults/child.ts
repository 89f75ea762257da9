import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ASK_MS = 170_000;

interface Question {
  readonly number: number;
  readonly command: string;
  readonly data: unknown;
}

interface Answer {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Commands of a child process, by name. */
export type Commands = Record<string, (data: never) => unknown>;

/** A program of this directory in a process of its own, which does what it is asked to. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  #asked = 0;

  /**
   * @param program a file of this directory that calls {@link obey}
   * @param flags flags for Node
   */
  constructor(program: string, flags: string[] = []) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    this.#process = spawn(process.execPath, [...flags, "--import", "tsx", path], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Without the test runner's own variables: this is no test file.
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
    });
    this.#process.setMaxListeners(0);
    this.#exited = once(this.#process, "exit");
    process.once("exit", this.#kill);
  }

  /** Has it do something. */
  async ask<T>(command: string, data?: unknown): Promise<T> {
    const number = ++this.#asked;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ASK_MS)]);
    const answered = new Promise<T>((resolve, reject) => {
      const read = (answer: Answer) => {
        if (answer.number !== number) return;
        if (answer.error === undefined) resolve(answer.value as T);
        else reject(new Error(answer.error));
      };
      this.#process.on("message", read);
      signal.addEventListener("abort", () => {
        this.#process.off("message", read);
        reject(new Error(`expected an answer to ${command} within ${ASK_MS} ms`));
      });
    });
    this.#process.send({ number, command, data } satisfies Question);
    try {
      return await Promise.race([
        answered,
        this.#exited.then(([code, sign]) => {
          throw new Error(`expected an answer to ${command}, but it ended: ${code ?? sign}`);
        }),
      ]);
    } finally {
      answered.catch(() => {});
      stop.abort();
    }
  }

  /** Ends it without a chance to say goodbye: its sockets are closed by the system, all at once. */
  async kill(): Promise<void> {
    this.#kill();
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    process.off("exit", this.#kill);
  }

  readonly #kill = (): void => {
    this.#process.kill("SIGKILL");
  };
}

/** Does what the process above asks for, until it is gone. */
export function obey(commands: Commands): void {
  process.on("message", async ({ number, command, data }: Question) => {
    const answer = (rest: Omit<Answer, "number">) => process.send?.({ number, ...rest });
    try {
      const value = await commands[command]?.(data as never);
      answer({ value });
    } catch (error) {
      answer({ error: (error as Error).stack ?? String(error) });
    }
  });
  process.once("disconnect", () => process.exit());
}
