import type Koa from "koa";
import { createLog } from "../observe/log.ts";
import { ConfigError, readConfig } from "./config.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { EXIT, Shutdown } from "./shutdown.ts";

export { EXIT };

/**
 * Serves an app as a process, as `uvicorn.run(app)` does for FastAPI. Reads settings from the
 * environment. SIGTERM, SIGINT and uncaught errors drain the server. Each way to end has its own
 * exit code, one of {@link EXIT}.
 *
 * ```ts
 * // main.ts
 * const app = new App();
 * app.mount("/ws", echo);
 * await run(app);
 * ```
 *
 * @param app the root app
 * @param options options of {@link serve}; they override the environment
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

/** Node's error when listening fails. */
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

// Node reports EACCES for a missing folder too.
function explainSocket({ code, message, address }: ListenError): { line: string; code: number } {
  if (code === "EADDRINUSE") {
    const line = `SOCKET: expected a free path, but ${address} is in use; stop what listens there, or set SOCKET`;
    return { line, code: EXIT.portInUse };
  }
  const line = `SOCKET: expected a path in an existing, writable folder (${message})`;
  return { line, code: EXIT.badValue };
}
