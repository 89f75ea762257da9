/** What starts and stops timers. */
type Timers = Pick<
  typeof globalThis,
  "setTimeout" | "setInterval" | "clearTimeout" | "clearInterval"
>;

/** Watches the timers that some part of the code has running, also those that hold no process. */
export class TimerWatch implements Disposable {
  // The stack of an error costs most when it is read, so that is left for the few that remain.
  readonly #running = new Map<unknown, Error>();
  readonly #path: string;
  readonly #real: Timers;

  /** @param path what a line of the stack must contain, `/lib/` say */
  constructor(path: string) {
    this.#path = path;
    const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
    this.#real = { setTimeout, setInterval, clearTimeout, clearInterval };
    const clear = (timer: unknown) => {
      this.#running.delete(timer);
      clearTimeout(timer as NodeJS.Timeout);
    };
    const watching = {
      setTimeout: (run: (...args: unknown[]) => void, ms?: number, ...rest: unknown[]) => {
        const fire = (...args: unknown[]) => {
          this.#running.delete(timer);
          run(...args);
        };
        const timer = this.#note(setTimeout(fire, ms, ...rest));
        return timer;
      },
      setInterval: (run: (...args: unknown[]) => void, ms?: number, ...rest: unknown[]) =>
        this.#note(setInterval(run, ms, ...rest)),
      clearTimeout: clear,
      clearInterval: clear,
    };
    Object.assign(globalThis, watching);
  }

  /** The line that started each of them. */
  list(): string[] {
    return [...this.#running.values()].flatMap(({ stack = "" }) => {
      const frame = stack
        .split("\n")
        .find((line) => line.includes(this.#path) && !/node_modules|\/testing\//.test(line));
      return frame ? [frame.trim()] : [];
    });
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }

  #note<Timer>(timer: Timer): Timer {
    this.#running.set(timer, new Error());
    return timer;
  }
}
