import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const START_MS = 60_000;
const STOP_MS = 15_000;

/** The real `main.ts`, in a process of its own. */
export interface AppProcess extends AsyncDisposable {
  /** Where it answers, with a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** What it has printed so far, on both streams. */
  output(): string;
  /** Asks it to end (SIGTERM) and gives its exit code. */
  stop(): Promise<number | null>;
  /** Ends it without a chance to say goodbye (SIGKILL). */
  kill(): Promise<void>;
}

/** How to start it. */
export interface AppProcessOptions {
  /** A fixed port, to come back on the same one. Default: a free one. */
  port?: number;
  /** Environment variables beside `HOST` and `PORT`. */
  env?: Record<string, string>;
}

/** Starts `main.ts` on the loopback address and waits until it has printed its URL. */
export async function startApp({
  port = 0,
  env = {},
}: AppProcessOptions = {}): Promise<AppProcess> {
  const child = spawn(process.execPath, ["--import", "tsx", "main.ts"], {
    cwd: ROOT,
    // Nothing else is inherited: a variable that happens to be set must not change what is tested.
    env: { ...inherited("PATH", "HOME", "TMPDIR"), HOST: "127.0.0.1", PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  exited.catch(() => {});
  const killWithParent = () => child.kill("SIGKILL");
  process.once("exit", killWithParent);
  child.once("exit", () => process.removeListener("exit", killWithParent));

  let output = "";
  let found: (url: URL) => void = () => {};
  const listening = new Promise<URL>((resolve) => {
    found = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(output)?.[0];
      if (url !== undefined) found(new URL(url));
    });
  }

  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };

  try {
    const url = await within(
      START_MS,
      Promise.race([
        listening,
        exited.then(([code]) => {
          throw new Error(`main.ts ended with exit code ${code}`);
        }),
      ]),
      "main.ts to print its URL",
    );
    return {
      url: url.href,
      port: Number(url.port),
      output: () => output,
      kill,
      async stop() {
        child.kill("SIGTERM");
        try {
          const [code] = await within(STOP_MS, exited, "main.ts to end after SIGTERM");
          return code;
        } catch (error) {
          await kill();
          throw explained(error, output);
        }
      },
      [Symbol.asyncDispose]: kill,
    };
  } catch (error) {
    await kill();
    throw explained(error, output);
  }
}

function inherited(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function explained(error: unknown, output: string): Error {
  return new Error(`${error instanceof Error ? error.message : error}\n${output}`, {
    cause: error,
  });
}
