import type Koa from "koa";
import { ConfigError, readConfig } from "./config.ts";
import { type ServeOptions, type Serving, serve } from "./server.ts";

/** The exit codes of the process. */
export const EXIT = {
  /** Everything was drained. */
  drained: 0,
  /** A lifespan or something else failed at the start. */
  failedStart: 1,
  /** A bad value in the environment. */
  badValue: 2,
  /** The port is in use. */
  portInUse: 3,
  /** A second signal ended it at once. */
  secondSignal: 130,
} as const;

/**
 * Serves an app as a process: settings from the environment, SIGTERM and SIGINT drain it, and
 * each way to end has an exit code of its own. What `uvicorn.run(app)` is to FastAPI.
 *
 * @param app the root app
 * @param options what the environment cannot say
 */
export async function run(app: Koa, options: ServeOptions = {}): Promise<void> {
  try {
    const serving = await serve(app, { ...readConfig(), ...options });
    exitOnSignal(serving);
  } catch (error) {
    const { line, code } = explain(error as NodeJS.ErrnoException);
    process.stderr.write(`${line}\n`);
    process.exit(code);
  }
}

function exitOnSignal(serving: Serving): void {
  let signals = 0;
  const onSignal = () => {
    if (++signals > 1) process.exit(EXIT.secondSignal);
    serving.close().then(
      () => process.exit(EXIT.drained),
      () => process.exit(EXIT.failedStart),
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

/** An error of listening, as Node gives it. */
type ListenError = NodeJS.ErrnoException & { port?: number; address?: string };

function explain(error: ListenError): { line: string; code: number } {
  if (error instanceof ConfigError) return { line: error.message, code: EXIT.badValue };
  if (error.syscall === "listen" && error.address?.startsWith("/")) return explainSocket(error);
  if (error.code === "EADDRINUSE") {
    const line = `PORT: expected a free port, but ${error.port} is in use; stop what listens there, or set PORT`;
    return { line, code: EXIT.portInUse };
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return {
      line: `HOST: expected an address of this machine (${error.message})`,
      code: EXIT.badValue,
    };
  }
  return { line: error.stack ?? String(error), code: EXIT.failedStart };
}

// Node says EACCES for a folder that is not there as well.
function explainSocket({ code, message, address }: ListenError): { line: string; code: number } {
  if (code === "EADDRINUSE") {
    const line = `SOCKET: expected a path of its own, but ${address} is in use; stop what listens there, or set SOCKET`;
    return { line, code: EXIT.portInUse };
  }
  const line = `SOCKET: expected a path in a folder that is there and can be written (${message})`;
  return { line, code: EXIT.badValue };
}
