import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Answer, Call } from "./call.ts";

/** How long one call may take: the longest measures for a few seconds. */
const CALL_MS = 120_000;

/** The core a process is pinned to, where `taskset` exists. */
export type Core = 0 | 1;

/** Whether processes can be pinned: there is `taskset`, and this machine has both cores. */
export const canPin = spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;

/** A process of its own that answers calls; it ends with the scope. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #name: string;
  #ended = false;
  readonly #end: Promise<void>;

  /**
   * @param file a file of this directory
   * @param args its arguments
   * @param core where it runs; undefined for anywhere
   * @param env variables beside the inherited ones
   */
  constructor(file: string, args: string[], core?: Core, env: NodeJS.ProcessEnv = {}) {
    this.#name = [file, ...args].join(" ");
    const path = fileURLToPath(new URL(file, import.meta.url));
    const node = [process.execPath, "--expose-gc", "--import", "tsx", path, ...args];
    const line = core !== undefined && canPin ? ["taskset", "-c", String(core), ...node] : node;
    this.#process = spawn(line[0] as string, line.slice(1), {
      // A server's log goes nowhere, but it is written.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_ENV: "production", ...env },
    });
    this.#end = new Promise((resolve) => {
      this.#process.once("exit", () => {
        this.#ended = true;
        resolve();
      });
    });
  }

  /** Calls a method of the process. */
  call<Result>(method: string, argument: unknown = null): Promise<Result> {
    if (this.#ended) return Promise.reject(new Error(`${this.#name} has ended`));
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#process.off("message", onMessage);
        act();
      };
      const fail = (reason: string) =>
        settle(() => reject(new Error(`${this.#name}: ${method}: ${reason}`)));
      const onMessage = (answer: Answer) => {
        if ("error" in answer) fail(answer.error);
        else settle(() => resolve(answer.result as Result));
      };
      const timer = setTimeout(() => fail(`no answer within ${CALL_MS} ms`), CALL_MS);
      this.#process.on("message", onMessage);
      void this.#end.then(() => fail("the process ended"));
      const call: Call = { method, argument };
      this.#process.send(call);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#end;
  }
}
