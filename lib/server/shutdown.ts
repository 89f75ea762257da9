import type Koa from "koa";
import { wholeError } from "../context/errors.ts";
import type { SubApp } from "../context/sub-app.ts";
import { rawPath } from "../http/path.ts";
import type { Logger } from "../observe/log.ts";
import type { Serving } from "./serve.ts";

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
  /** An uncaught error; everything was drained. */
  uncaught: 4,
  /** A second signal ended the process at once. */
  secondSignal: 130,
} as const;

/**
 * The end of a process that serves an app. A signal drains the server. So does an uncaught error,
 * because the state that it leaves is unknown. A second signal, or a second such error, ends the
 * process at once.
 */
export class Shutdown {
  readonly #app: Koa;
  readonly #log: Logger;
  readonly #start = new AbortController();
  #serving: Serving | undefined;
  #code: number | undefined;
  #signals = 0;
  #errors = 0;

  /**
   * Listens for signals and uncaught errors of the process from now on.
   *
   * @param app the root app
   * @param log gets uncaught errors
   */
  constructor(app: Koa, log: Logger) {
    this.#app = app;
    this.#log = log;
    process.on("SIGTERM", this.#onSignal);
    process.on("SIGINT", this.#onSignal);
    // Node emits this for unhandled rejections too.
    process.on("uncaughtException", this.#onUncaught);
  }

  /** Aborted when the process must end before the server listens. */
  get start(): AbortSignal {
    return this.#start.signal;
  }

  /** The exit code, once the process must end. */
  get code(): number | undefined {
    return this.#code;
  }

  /** Sets the server to drain. */
  serves(serving: Serving): void {
    this.#serving = serving;
    if (this.#code !== undefined) this.#drain(serving);
  }

  readonly #onSignal = (): void => {
    if (++this.#signals > 1) process.exit(EXIT.secondSignal);
    this.#end(EXIT.drained);
  };

  readonly #onUncaught = (thrown: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    this.#tell(wholeError(thrown), origin);
    if (++this.#errors > 1) process.exit(EXIT.uncaught);
    this.#end(EXIT.uncaught);
  };

  #tell(err: Error, origin: NodeJS.UncaughtExceptionOrigin): void {
    const at = placeOf(err);
    const where = at === undefined ? "" : ` at ${at}`;
    const fields = { event: "uncaught", origin, at, ...requestOf(this.#app), err };
    if (this.#log.isLevelEnabled("error")) {
      this.#log.error(fields, `uncaught error (${origin}${where}): ${err.message}`);
    } else {
      // Even a silent log must not hide why the process ends.
      process.stderr.write(`${err.stack ?? err.message}\n`);
    }
  }

  #end(code: number): void {
    const isFirst = this.#code === undefined;
    this.#code = Math.max(code, this.#code ?? EXIT.drained);
    if (!isFirst) return;
    if (this.#serving) this.#drain(this.#serving);
    else this.#start.abort();
  }

  #drain(serving: Serving): void {
    // In a later turn, because Node reports the last unhandled rejections only after this one.
    serving.close().then(
      () => setImmediate(() => process.exit(this.#code)),
      () => setImmediate(() => process.exit(this.#code || EXIT.failedStart)),
    );
  }
}

// The first line of the stack that is neither Node's nor a package's.
function placeOf({ stack = "" }: Error): string | undefined {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.find((frame) => !/node:|[\\/]node_modules[\\/]/.test(frame));
  return own?.trim().replace(/^at /, "");
}

// Known when an app was created with `asyncLocalStorage`. Without the query, which may hold a
// token.
function requestOf(app: Koa): { method?: string; path?: string } {
  const ctx = currentContext(app);
  return ctx ? { method: ctx.method, path: rawPath(ctx.originalUrl) } : {};
}

function currentContext(app: SubApp): Koa.Context | undefined {
  const ctx = app.currentContext as Koa.Context | undefined;
  if (ctx) return ctx;
  for (const mount of app.mounts ?? []) {
    const below = currentContext(mount.app);
    if (below) return below;
  }
  return undefined;
}
