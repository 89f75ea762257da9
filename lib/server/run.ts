import type Koa from "koa";
import { createLog } from "../observe/log.ts";
import { ConfigError, readConfig } from "./config.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { EXIT, Shutdown } from "./shutdown.ts";

export { EXIT };

/**
 * Serves an app as a process: settings from the environment, SIGTERM and SIGINT drain it, so does
 * an error that nobody catches, and each way to end has an exit code of its own, one of
 * {@link EXIT}. What `uvicorn.run(app)` is to FastAPI.
 *
 * @param app the root app
 * @param options what the environment cannot say
 */
export async function run(app: Koa, options: ServeOptions = {}): Promise<void> {
  let shutdown: Shutdown | undefined;
  try {
    const config = { ...readConfig(), ...options };
    const log = options.log ?? createLog({ level: config.logLevel });
    shutdown = new Shutdown(app, log);
    const { start } = shutdown;
    const signal = options.signal ? AbortSignal.any([options.signal, start]) : start;
    shutdown.serves(await serve(app, { ...config, log, signal }));
  } catch (error) {
    if (shutdown?.start.aborted && error === shutdown.start.reason) process.exit(shutdown.code);
    const { line, code } = explain(error as NodeJS.ErrnoException);
    process.stderr.write(`${line}\n`);
    process.exit(shutdown?.code || code);
  }
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
